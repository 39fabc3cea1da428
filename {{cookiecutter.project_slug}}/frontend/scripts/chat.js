// The chat page: conversations at the side, messages in the middle, sources on demand.

import { getJson, readEvents, reportRefused, request, sendJson } from "./api.js";
import { listConversations, watchList } from "./conversations.js";
import { fillFrame, notify } from "./frame.js";
import { applyUpdate, buildNodes } from "./nodes.js";

const at = (id) => document.getElementById(id);
const state = { conversation: null, running: null };

function make(kind, className, ...children) {
  const element = document.createElement(kind);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

// conversations

async function openConversation() {
  const wanted = location.hash.slice(1);
  if (wanted === (state.conversation ?? "")) return;
  state.running?.abort();
  state.conversation = null;
  at("messages").replaceChildren();
  at("list").classList.remove("shown");
  if (/^[0-9a-f-]{36}$/.test(wanted)) {
    const found = await getJson(`/api/v1/conversations/${wanted}`);
    state.conversation = found.id;
    for (const message of found.messages) showMessage(message);
  }
  welcome();
  await listConversations(state.conversation);
  at("question").focus();
}

function welcome() {
  if (at("messages").childElementCount) return;
  const link = make("a", "", "Add documents");
  link.href = "/documents";
  at("messages").append(
    make("div", "welcome", make("h1", "", "What would you like to know?"),
      make("p", "hint", "Answers come from your documents, with the passages they rest on. ", link)),
  );
}

// messages

function showMessage(message) {
  if (message.author === "user") return showQuestion(message.text);
  const answer = emptyAnswer();
  answer.citations = message.citations;
  answer.body.replaceChildren(...buildNodes(message.nodes, answer.on), make("div"));
  finishAnswer(answer, message.outcome);
}

function showQuestion(text) {
  at("messages").querySelector(".welcome")?.remove();
  at("messages").append(make("article", "message question", make("p", "", text)));
}

function emptyAnswer() {
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

function showTool(answer, { name, state, detail }) {
  if (state === "running") {
    answer.tool = make("p", "hint tool");
    answer.body.before(answer.tool);
  }
  const said = { running: `Using ${name} …`, done: `Used ${name}`, refused: `${name} brought nothing` }[state];
  answer.tool.textContent = [said, detail].filter(Boolean).join(": ");
}

function finishAnswer(answer, outcome) {
  answer.article.classList.remove("working");
  const used = new Set([...answer.body.querySelectorAll(".cite")].map((button) => Number(button.textContent)));
  const sources = answer.citations.filter((citation) => used.has(citation.number)).map((citation) => {
    const label = [citation.title, citation.section].filter(Boolean).join(" — ");
    const button = make("button", "source", make("b", "", String(citation.number)), make("span", "", label));
    button.addEventListener("click", () => showPassage(citation));
    return make("li", "", button);
  });
  if (sources.length) answer.article.append(make("ol", "sources", ...sources));
  if (answer.refused) answer.article.append(make("p", "hint problem", "A part of this answer is not shown as it was sent: it is not of a permitted kind."));
  if (outcome === "stopped") answer.article.append(make("p", "hint", "Stopped."));
  if (outcome === "failed") answer.article.append(make("p", "hint problem", "This answer was cut short."));
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

// asking

async function ask(question) {
  const running = new AbortController();
  state.running = running;
  setBusy(true);
  notify("");
  let answer = null;
  try {
    if (state.conversation === null) {
      const { id } = await (await request("/api/v1/conversations", { method: "POST" })).json();
      state.conversation = id;
      history.replaceState(null, "", `/#${id}`);
    }
    const path = `/api/v1/conversations/${state.conversation}/turns`;
    const response = await sendJson(path, { question }, { signal: running.signal });
    at("question").value = "";
    showQuestion(question);
    answer = emptyAnswer();
    answer.article.classList.add("working");
    follow();
    let outcome = "stopped";
    for await (const [name, data] of readEvents(response)) {
      if (name === "begin") answer.citations = data.citations;
      if (name === "tool") showTool(answer, data);
      if (name === "update") applyUpdate(answer.body, data, answer.on);
      if (name === "end") outcome = "complete";
      if (name === "problem") {
        outcome = "failed";
        notify([data.title, data.detail].filter(Boolean).join(". "));
      }
      follow();
    }
    finishAnswer(answer, outcome);
  } catch (error) {
    if (answer) finishAnswer(answer, running.signal.aborted ? "stopped" : "failed");
    if (!running.signal.aborted) refused(error);
  } finally {
    if (state.running === running) state.running = null;
    setBusy(false);
    resize();
    await listConversations(state.conversation);
  }
}

function refused(error) {
  notify(error.message);
  if (error.status === 429 || error.status === 503) countDown(error.wait ?? 5, error.message);
}

function countDown(seconds, text) {
  at("send").disabled = true;
  const end = Date.now() + seconds * 1000;
  const timer = setInterval(() => {
    const left = Math.ceil((end - Date.now()) / 1000);
    at("send").disabled = left > 0;
    notify(left > 0 ? `${text} (${left} s)` : "");
    if (left <= 0) clearInterval(timer);
  }, 250);
}

function setBusy(busy) {
  at("send").hidden = busy;
  at("stop").hidden = !busy;
}

function follow() {
  const box = at("messages");
  if (box.scrollHeight - box.scrollTop - box.clientHeight < 160) box.scrollTop = box.scrollHeight;
}

function resize() {
  const field = at("question");
  field.rows = Math.min(8, field.value.split("\n").length + Math.floor(field.value.length / 90));
}

at("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  const question = at("question").value.trim();
  if (question && !state.running && !at("send").disabled) ask(question);
});
at("question").addEventListener("input", resize);
at("question").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    at("composer").requestSubmit();
  }
});
at("stop").addEventListener("click", () => state.running?.abort());
at("new-conversation").addEventListener("click", () => {
  location.hash = "";
  at("list").classList.remove("shown");
  at("question").focus();
});
at("show-list").addEventListener("click", () => {
  const shown = at("list").classList.toggle("shown");
  at("show-list").setAttribute("aria-expanded", String(shown));
});
at("leaving-stay").addEventListener("click", () => at("leaving").close());
at("leaving-go").addEventListener("click", () => at("leaving").close());
window.addEventListener("hashchange", () => openConversation().catch((error) => notify(error.message)));

watchList();
await fillFrame();
if (location.hash.length > 1) await openConversation().catch((error) => notify(error.message));
welcome();
await listConversations(state.conversation);
at("question").focus();
