"""Refuses bad answers by name before anything is written. Standard library only."""

import json
import os
import re
import sys

# a JSON document as a string literal: no answer can leave it
ANSWERS = json.loads({{ cookiecutter | jsonify | tojson }})
# as typed, before the generator evaluated them; cruft does not tell
GIVEN = json.loads({{ (_cookiecutter if _cookiecutter is defined else {}) | jsonify | tojson }})
NAME = r"[^\W_](?:[\w .,&()+'\u2019-]{0,58}[\w.)+'\u2019])?"
PERSON = r"[^\W_](?:[\w .,&()+'\u2019@<>-]{0,98}[\w.)+'\u2019>])?"
RULES = {
    "project_name": (NAME, "1 to 60 letters, digits, spaces and . , & ( ) + - _ ', beginning with a letter or digit"),
    "project_slug": (r"[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?", "1 to 40 lower-case letters, digits and hyphens, beginning with a letter and not ending with a hyphen"),
    "host_name": (r"(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?",
                  "a host name in lower case, as in chat.example.com"),
    "labs": (r"yes|no", "yes or no"),
    "author": (PERSON, "a name, with an address if you like, as in Zoe Example <zoe@example.com>"),
}


def find_problems(answers):
    """Return a sentence for each answer that is refused; the answer itself is shown only as printable ASCII."""
    problems = []
    for name, (pattern, rule) in RULES.items():
        answer = str(answers.get(name, ""))
        given = str(GIVEN.get(name, ""))
        typed_template = re.search(r"[{}]", given) and "slugify(max_length=40)" not in given
        if typed_template or not re.fullmatch(pattern, answer):
            problems.append("%s: %s is not usable. It must be %s." % (name, ascii(given if typed_template else answer)[:80], rule))
    return problems


def leave_nothing(slug):
    """Remove the folders that a slug with separators made; the generator itself removes only the last one."""
    for _ in os.path.normpath(slug).split(os.sep) if not os.path.isabs(slug) else [slug]:
        folder = os.getcwd()
        os.chdir(os.path.dirname(folder))
        os.rmdir(folder)


def main():
    problems = find_problems(ANSWERS)
    if problems:
        sys.stderr.write("\n".join(["", "Nothing was generated:", *problems, ""]))
        if os.sep in str(ANSWERS.get("project_slug", "")):
            leave_nothing(ANSWERS["project_slug"])
        sys.exit(1)


main()
