// The chat page: conversations at the side, messages in the middle, sources on demand.

import { getJson, leave, readEvents, request, sendJson } from "./api.js";
import { listConversations, watchList } from "./conversations.js";
import { keepDraft, readDraft } from "./drafts.js";
import { fillFrame, notify, start } from "./frame.js";
import { addTools, editQuestion, emptyAnswer, finishAnswer, make, showMessage, showQuestion, showTool } from "./messages.js";
import { applyUpdate } from "./nodes.js";
import { watchScrolling } from "./scrolling.js";
import { versionsWith } from "./versions.js";
import { isWaiting, waitAsTold } from "./waiting.js";

const at = (id) => document.getElementById(id);
// `conversation` is the one that is shown, null for a new one; `way` holds its messages; `opening` counts the wishes to
// open one, so that only the latest is fulfilled; `turns` holds the answers that are being written, by conversation
const state = { conversation: null, opening: 0, way: [], turns: new Map() };
const scrolling = watchScrolling(at("messages"), at("newest"));
const running = () => state.turns.get(state.conversation);

// conversations

async function openConversation() {
  const wanted = /^#[0-9a-f-]{36}$/.test(location.hash) ? location.hash.slice(1) : null;
  if (wanted === state.conversation) return;
  const opening = ++state.opening;
  swapDraft(wanted);
  state.conversation = wanted;
  showList(false);
  setBusy();
  notify("");
  if (wanted === null) {
    showWay([]);
  } else {
    at("messages").replaceChildren(make("p", "hint loading", "Opening the conversation…"));
    const found = await readWay(wanted);
    if (opening !== state.opening) return; // another one was wished for meanwhile
    showWay(found);
    showRunning();
  }
  scrolling.toEnd();
  await listConversations(wanted);
  if (opening === state.opening) at("question").focus();
}

function swapDraft(next) {
  keepDraft(state.conversation ?? "", at("question").value);
  at("question").value = readDraft(next ?? "");
  resize();
}

function welcome() {
  if (at("messages").childElementCount) return;
  const link = make("a", "", "Add documents");
  link.href = "/documents";
  at("messages").append(
    make("div", "welcome", make("h1", "", "What would you like to know?"),
      make("p", "hint", "Answers come from your documents and show their sources. ", link)),
  );
}

/** Show the answer that is being written in this conversation: it went on while another one was looked at. */
function showRunning() {
  const turn = running();
  if (!turn?.answer) return;
  const last = state.way.at(-1);
  if (last?.author === "assistant" && last.parent === turn.question) return; // it was finished meanwhile
  at("messages").append(turn.answer.article);
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
  const unlessBusy = (act) => (given) => !running() && !isWaiting(at("send")) && act(given);
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
  const opening = state.opening;
  const found = await readWay(state.conversation, id);
  if (opening !== state.opening) return;
  showWay(found);
  const place = state.way.findIndex((message) => message.id === id);
  const tools = [...at("messages").querySelectorAll(".tools")][place];
  tools?.querySelector(`[aria-label="${focused === "Later version" ? focused : "Earlier version"}"]:enabled, button:enabled`)?.focus();
}

async function readWay(conversation, through = 0) {
  return (await getJson(`/api/v1/conversations/${conversation}?through=${through}`)).messages;
}

// asking

/**
 * Ask: `wanted` has `question`, or `again`, the number of one that is to be answered once more. What is asked beside an
 * earlier version comes with `beside`, that version, and `before`, the messages before it. The answer is read to its end,
 * whichever conversation is looked at meanwhile.
 */
async function ask(wanted, { before = state.way, beside = null } = {}) {
  const turn = { stop: new AbortController(), conversation: state.conversation, way: before, beside, question: null, outcome: "stopped", id: null, nodes: [] };
  state.turns.set(turn.conversation, turn);
  setBusy();
  notify("");
  try {
    if (turn.conversation === null) await beginConversation(turn);
    const last = before.at(-1);
    if (!beside && last && last.id !== null) wanted.parent = last.id; // it follows what is seen
    const path = `/api/v1/conversations/${turn.conversation}/turns`;
    const response = await sendJson(path, wanted, { signal: turn.stop.signal, stream: true });
    beginTurn(turn, wanted);
    for await (const [name, data] of readEvents(response)) {
      takeEvent(turn, name, data);
      if (isShown(turn)) scrolling.follow();
    }
    endTurn(turn);
  } catch (error) {
    if (turn.answer) endTurn(turn, turn.stop.signal.aborted ? "stopped" : "failed");
    if (!turn.stop.signal.aborted) waitAsTold(error, at("send"));
  } finally {
    state.turns.delete(turn.conversation);
    setBusy();
    resize();
    if (isShown(turn)) scrolling.follow();
    await listConversations(state.conversation).catch((error) => notify(error.message));
  }
}

const isShown = (turn) => turn.conversation === state.conversation;

/** Make the conversation that a first question begins; it is shown unless another one was opened meanwhile. */
async function beginConversation(turn) {
  const opening = state.opening;
  const { id } = await (await request("/api/v1/conversations", { method: "POST", signal: turn.stop.signal })).json();
  state.turns.delete(null);
  turn.conversation = id;
  state.turns.set(id, turn);
  if (opening !== state.opening || state.conversation !== null) return;
  keepDraft("", "");
  state.conversation = id;
  history.replaceState(null, "", `/#${id}`);
  listConversations(id).catch((error) => notify(error.message));
}

function beginTurn(turn, wanted) {
  if (isShown(turn) && turn.beside) showWay(turn.way);
  if ("question" in wanted) {
    if (isShown(turn) && at("question").value.trim() === wanted.question) at("question").value = "";
    keepDraft(turn.conversation, isShown(turn) ? at("question").value : "");
    turn.asked = { element: showQuestion(wanted.question), text: wanted.question };
  }
  turn.answer = emptyAnswer();
  turn.answer.article.classList.add("working");
  if (!isShown(turn)) {
    turn.asked?.element.remove();
    turn.answer.article.remove();
    welcome();
  } else {
    scrolling.toEnd();
  }
}

function takeEvent(turn, name, data) {
  if (name === "begin") {
    turn.question = data.question;
    turn.answer.citations = data.citations;
    if (!turn.asked) return;
    const versions = versionsWith(turn.beside, data.question);
    if (data.hidden_characters) turn.asked.element.append(make("p", "hint", removed(data.hidden_characters)));
    take(turn, turn.asked.element, { id: data.question, parent: data.parent, author: "user", text: turn.asked.text, versions });
  }
  if (name === "tool") showTool(turn.answer, data);
  if (name === "update") {
    applyUpdate(turn.answer.body, data, turn.answer.on);
    turn.nodes.push(...(data.done ?? []));
  }
  if (name === "end") [turn.outcome, turn.id] = [data.outcome, data.answer];
  if (name === "problem") {
    turn.outcome = "failed";
    notify([data.title, data.detail].filter(Boolean).join(". "));
  }
}

const removed = (count) => (count === 1 ? "1 invisible character was removed." : `${count} invisible characters were removed.`);

/** Add a message to the way that is shown, if its conversation is. */
function take(turn, element, message) {
  if (!isShown(turn)) return;
  state.way.push(message);
  addOwnTools(element, message);
}

// an answer that was stopped has no number yet: only the server knows what became of it
function endTurn(turn, outcome = turn.outcome) {
  finishAnswer(turn.answer, outcome);
  if (turn.question === null) return;
  const { nodes, id, answer, question: parent } = turn;
  const versions = versionsWith(turn.asked ? null : turn.beside, id);
  take(turn, answer.article, { id, parent, author: "assistant", nodes, citations: answer.citations, outcome, versions, seen: true });
}

function setBusy() {
  at("send").hidden = Boolean(running());
  at("stop").hidden = !running();
}

function resize() {
  const field = at("question");
  field.rows = Math.min(8, field.value.split("\n").length + Math.floor(field.value.length / 90));
}

function showList(shown) {
  at("list").classList.toggle("shown", shown);
  at("show-list").setAttribute("aria-expanded", String(shown));
}

at("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  const question = at("question").value.trim();
  if (question && !running() && !isWaiting(at("send"))) ask({ question });
});
at("question").addEventListener("input", () => {
  resize();
  keepDraft(state.conversation ?? "", at("question").value);
});
at("question").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    at("composer").requestSubmit();
  }
});
at("stop").addEventListener("click", () => running()?.stop.abort());
at("new-conversation").addEventListener("click", () => {
  location.hash = "";
  showList(false);
  at("question").focus();
});
at("show-list").addEventListener("click", () => showList(!at("list").classList.contains("shown")));
at("leaving-stay").addEventListener("click", () => at("leaving").close());
at("leaving-go").addEventListener("click", () => at("leaving").close());
at("send").disabled = false; // asked before this script was there, a question would be lost
window.addEventListener("hashchange", () => openConversation().catch((error) => notify(error.message)));
// an answer ends with the page that reads it: the browser asks first
window.addEventListener("beforeunload", (event) => state.turns.size && event.preventDefault());
leave.addEventListener("signed-out", () => {
  keepDraft(state.conversation ?? "", at("question").value);
  keepDraft("open", location.hash);
  state.turns.clear();
});

start(async () => {
  watchList();
  await fillFrame();
  const left = readDraft("open"); // where one was when the session ended
  keepDraft("open", "");
  if (left && location.hash.length < 2) history.replaceState(null, "", `/${left}`);
  at("question").value ||= readDraft(""); // somebody may be typing already
  if (location.hash.length > 1) await openConversation();
  else await listConversations(null);
  welcome();
  resize();
  at("question").focus();
});
