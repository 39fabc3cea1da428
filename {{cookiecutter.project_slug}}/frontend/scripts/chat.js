// The chat page: conversations at the side, messages in the middle, sources on demand.

import { getJson, readEvents, request, sendJson } from "./api.js";
import { listConversations, watchList } from "./conversations.js";
import { fillFrame, notify } from "./frame.js";
import { addTools, editQuestion, emptyAnswer, finishAnswer, make, showMessage, showQuestion, showTool } from "./messages.js";
import { applyUpdate } from "./nodes.js";
import { versionsWith } from "./versions.js";
import { isWaiting, waitAsTold } from "./waiting.js";

const at = (id) => document.getElementById(id);
// `way` holds the messages that are shown
const state = { conversation: null, running: null, way: [] };

// conversations

async function openConversation() {
  const wanted = location.hash.slice(1);
  if (wanted === (state.conversation ?? "")) return;
  state.running?.abort();
  state.conversation = null;
  showWay([]);
  at("list").classList.remove("shown");
  if (/^[0-9a-f-]{36}$/.test(wanted)) {
    await readWay(wanted);
    state.conversation = wanted;
  }
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

// versions

function showWay(way) {
  state.way = way;
  at("messages").replaceChildren();
  if (way.length && way[0].parent !== null) at("messages").append(make("p", "hint", "Earlier messages are not shown."));
  for (const message of way) addOwnTools(showMessage(message), message);
  welcome();
}

function addOwnTools(element, message) {
  const unlessBusy = (act) => (given) => !state.running && !isWaiting(at("send")) && act(given);
  addTools(element, message, {
    show: unlessBusy((id) => showVersion(id).catch((error) => notify(error.message))),
    edit: unlessBusy(() => editQuestion(element, message.text, unlessBusy((question) => askBeside(message, { question, parent: message.parent })))),
    again: unlessBusy(() => askBeside(message, { again: message.parent })),
  });
}

function askBeside(message, wanted) {
  const place = state.way.indexOf(message);
  if (place >= 0) ask(wanted, { before: state.way.slice(0, place), beside: message });
}

async function showVersion(id) {
  const focused = document.activeElement?.getAttribute("aria-label");
  await readWay(state.conversation, id);
  const place = state.way.findIndex((message) => message.id === id);
  const tools = [...at("messages").querySelectorAll(".tools")][place];
  tools?.querySelector(`[aria-label="${focused === "Later version" ? focused : "Earlier version"}"]:enabled, button:enabled`)?.focus();
}

async function readWay(conversation, through = 0) {
  const found = await getJson(`/api/v1/conversations/${conversation}?through=${through}`);
  showWay(found.messages);
}

// asking

/**
 * Ask: `wanted` has `question`, or `again`, the number of one that is to be answered once more. What is asked beside an
 * earlier version comes with `beside`, that version, and `before`, the messages before it.
 */
async function ask(wanted, { before = state.way, beside = null } = {}) {
  const running = new AbortController();
  state.running = running;
  setBusy(true);
  notify("");
  let turn = null;
  try {
    if (state.conversation === null) {
      const { id } = await (await request("/api/v1/conversations", { method: "POST" })).json();
      state.conversation = id;
      history.replaceState(null, "", `/#${id}`);
    }
    const last = before.at(-1);
    if (!beside && last && last.id !== null) wanted.parent = last.id; // it follows what is seen
    const path = `/api/v1/conversations/${state.conversation}/turns`;
    const response = await sendJson(path, wanted, { signal: running.signal });
    if (beside) showWay(before);
    turn = beginTurn(wanted, beside);
    follow();
    for await (const [name, data] of readEvents(response)) {
      takeEvent(turn, name, data);
      follow();
    }
    endTurn(turn);
  } catch (error) {
    if (turn) endTurn(turn, running.signal.aborted ? "stopped" : "failed");
    if (!running.signal.aborted) waitAsTold(error, at("send"));
  } finally {
    if (state.running === running) state.running = null;
    setBusy(false);
    resize();
    await listConversations(state.conversation);
  }
}

function beginTurn(wanted, beside) {
  const turn = { question: null, outcome: "stopped", id: null, nodes: [], beside };
  if ("question" in wanted) {
    if (at("question").value.trim() === wanted.question) at("question").value = "";
    turn.asked = { element: showQuestion(wanted.question), text: wanted.question };
  }
  turn.answer = emptyAnswer();
  turn.answer.article.classList.add("working");
  return turn;
}

function takeEvent(turn, name, data) {
  if (name === "begin") {
    turn.question = data.question;
    turn.answer.citations = data.citations;
    if (!turn.asked) return;
    const versions = versionsWith(turn.beside, data.question);
    if (data.hidden_characters) turn.asked.element.append(make("p", "hint", `${data.hidden_characters} characters that nobody sees were removed.`));
    const message = { id: data.question, parent: data.parent, author: "user", text: turn.asked.text, versions };
    state.way.push(message);
    addOwnTools(turn.asked.element, message);
  }
  if (name === "tool") showTool(turn.answer, data);
  if (name === "update") {
    applyUpdate(turn.answer.body, data, turn.answer.on);
    turn.nodes.push(...(data.done ?? []));
  }
  if (name === "end") [turn.outcome, turn.id] = ["complete", data.answer];
  if (name === "problem") {
    turn.outcome = "failed";
    notify([data.title, data.detail].filter(Boolean).join(". "));
  }
}

// an answer that was stopped has no number yet: only the server knows what became of it
function endTurn(turn, outcome = turn.outcome) {
  finishAnswer(turn.answer, outcome);
  if (turn.question === null) return;
  const { nodes, id, answer, question: parent } = turn;
  const versions = versionsWith(turn.asked ? null : turn.beside, id);
  const message = { id, parent, author: "assistant", nodes, citations: answer.citations, outcome, versions };
  state.way.push(message);
  addOwnTools(answer.article, message);
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
  if (question && !state.running && !isWaiting(at("send"))) ask({ question });
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
