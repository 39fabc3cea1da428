"""Words in several threads at once: long questions are embedded off the event loop."""

import sys
from concurrent.futures import ThreadPoolExecutor

from chatbot.model.words import content_stems


def test_threads_do_not_share_the_word_that_is_being_stemmed() -> None:
    texts = [" ".join(f"running{letter * number}ings" for number in range(1, 400)) for letter in "abcd"]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            together = list(pool.map(content_stems, texts))
    finally:
        sys.setswitchinterval(before)
    assert together == [content_stems(f"{text} ") for text in texts]
    assert all(len(stems) == 399 for stems in together)
