// Messages as elements: questions, answers with their sources, and what can be done with each.

import { getJson, reportRefused } from "./api.js";
import { notify } from "./frame.js";
import { buildNodes } from "./nodes.js";
import { neighbours } from "./versions.js";

const at = (id) => document.getElementById(id);

export function make(kind, className, ...children) {
  const element = document.createElement(kind);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

/** Show a kept message and return its element. */
export function showMessage(message) {
  if (message.author === "user") return showQuestion(message.text);
  const answer = emptyAnswer();
  answer.citations = message.citations;
  answer.body.replaceChildren(...buildNodes(message.nodes, answer.on), make("div"));
  finishAnswer(answer, message.outcome === "stopped" && !message.seen ? "interrupted" : message.outcome);
  return answer.article;
}

export function showQuestion(text) {
  at("messages").querySelector(".welcome")?.remove();
  const article = make("article", "message question", make("p", "", text));
  at("messages").append(article);
  return article;
}

/** Show an answer that is yet to come. */
export function emptyAnswer() {
  const body = make("div", "answer-body", make("div"));
  const article = make("article", "message answer", body);
  at("messages").append(article);
  const answer = { article, body, citations: [], refused: 0 };
  answer.on = {
    cite: (number) => showPassage(answer.citations.find((citation) => citation.number === number)),
    leave: askBeforeLeaving,
    refuse: (kind) => answer.refused++ || reportRefused(kind),
  };
  return answer;
}

/** Show that an answer uses a tool: `state` is running, then done or refused. */
export function showTool(answer, { name, state, detail }) {
  if (state === "running") {
    answer.tool = make("p", "hint tool");
    answer.body.before(answer.tool);
  }
  const said = { running: `Using ${name} …`, done: `Used ${name}`, refused: `${name} brought nothing` }[state];
  answer.tool.textContent = [said, detail].filter(Boolean).join(": ");
}

const ENDINGS = {
  stopped: "Stopped.",
  interrupted: "Interrupted: the page was left before the answer was finished.",
  failed: "The answer stopped before it was finished. Try again.",
  length: "The answer reached its length limit. Ask to go on, or for a shorter answer.",
  filtered: "The model's content filter ended this answer. Ask in other words.",
};

export function finishAnswer(answer, outcome) {
  answer.article.classList.remove("working");
  const used = new Set([...answer.body.querySelectorAll(".cite")].map((button) => Number(button.textContent)));
  const cited = answer.citations.filter((citation) => used.has(citation.number));
  if (cited.length) answer.article.append(make("ol", "sources", ...cited.map(sourceOf)));
  else if (answer.citations.length && outcome === "complete") answer.article.append(...uncited(answer.citations));
  if (answer.refused) answer.article.append(make("p", "hint problem", "Part of this answer was hidden for your safety."));
  if (outcome in ENDINGS) answer.article.append(make("p", outcome === "stopped" ? "hint" : "hint problem", ENDINGS[outcome]));
}

function sourceOf(citation) {
  const label = [citation.title, citation.section].filter(Boolean).join(" — ");
  const button = make("button", "source", make("b", "", String(citation.number)), make("span", "", label));
  button.addEventListener("click", () => showPassage(citation));
  return make("li", "", button);
}

/** Show what the model was given, when its answer names none of it. */
function uncited(citations) {
  const list = make("ol", "sources", ...citations.map(sourceOf));
  const given = make("details", "given", make("summary", "hint", "This answer names no source. Passages that it was given:"), list);
  return [given];
}

/**
 * Put a message's own buttons below it: which of its versions is shown, and what makes another one.
 * `on` has `show(number)`, `edit()` and `again()`.
 */
export function addTools(element, message, on) {
  const row = make("div", "tools");
  if (message.versions.length > 1) {
    const { place, before, after } = neighbours(message);
    const count = make("span", "", `${place + 1} of ${message.versions.length}`);
    row.append(step("‹", "Earlier version", before, on), count, step("›", "Later version", after, on));
  }
  const other = make("button", "quiet", message.author === "user" ? "Edit" : "Try again");
  other.addEventListener("click", message.author === "user" ? on.edit : on.again);
  row.append(other);
  element.append(row);
}

function step(sign, label, version, on) {
  const button = make("button", "quiet", sign);
  button.setAttribute("aria-label", label);
  button.disabled = version === null;
  button.addEventListener("click", () => on.show(version));
  return button;
}

/** Turn a question into a field; `save(text)` gets what it was changed to. */
export function editQuestion(element, text, save) {
  const field = make("textarea", "", text);
  field.maxLength = 8000;
  field.rows = Math.min(10, text.split("\n").length + 1);
  field.setAttribute("aria-label", "Edit the question");
  const cancel = make("button", "button", "Cancel");
  cancel.type = "button";
  const form = make("form", "edit", field, make("div", "row", cancel, make("button", "button primary", "Ask again")));
  const before = [...element.childNodes];
  cancel.addEventListener("click", () => element.replaceChildren(...before));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (field.value.trim()) save(field.value.trim());
  });
  element.replaceChildren(form);
  field.focus();
}

async function showPassage(citation) {
  if (!citation) return;
  try {
    const passage = await getJson(`/api/v1/documents/${citation.document}/passages/${citation.chunk}`);
    at("passage-title").textContent = passage.title;
    at("passage-section").textContent = passage.section;
    at("passage-text").textContent = passage.content;
    at("passage").showModal();
  } catch (error) {
    notify(error.status === 404 ? "This passage is no longer there: its document was deleted or replaced." : error.message);
  }
}

function askBeforeLeaving(address) {
  at("leaving-target").textContent = address;
  at("leaving-go").href = address;
  at("leaving").showModal();
}
