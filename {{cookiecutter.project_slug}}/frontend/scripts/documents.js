// The documents page: upload, watch until searchable, see what was read, rename, share, read anew, delete.

import { getJson, request, sendJson } from "./api.js";
import { fillFrame, notify, start } from "./frame.js";

const at = (id) => document.getElementById(id);
const STATES = { queued: "Being read…", ready: "Ready", failed: "Failed" };
const WATCH_MILLISECONDS = 700;
const MAX_WATCH_MILLISECONDS = 15_000;
let watching = null;
// as many as the server gives at once
const PASSAGES = 200;
let chosen = null;
let shown = null;

async function listDocuments() {
  const documents = await getJson("/api/v1/documents");
  at("no-documents").hidden = documents.length > 0;
  at("documents").replaceChildren(...documents.map(documentEntry));
  if (documents.some((entry) => entry.status === "queued")) watch(WATCH_MILLISECONDS);
}

/** Look again after a while, ever longer while it fails, and never give up. */
function watch(pause) {
  clearTimeout(watching);
  watching = setTimeout(async () => {
    try {
      await listDocuments();
      if (pause > WATCH_MILLISECONDS) notify("");
    } catch (error) {
      notify(`${error.message} Trying again…`);
      watch(Math.min(2 * pause, MAX_WATCH_MILLISECONDS));
    }
  }, pause);
}

function documentEntry(entry) {
  const row = document.createElement("li");
  row.className = `document ${entry.status in STATES ? entry.status : ""}`;
  const title = document.createElement("b");
  title.textContent = entry.title;
  const about = document.createElement("span");
  about.className = "hint";
  const parts = [size(entry.size), new Date(entry.created_at).toLocaleDateString()];
  if (entry.shared) parts.push(entry.own ? "shared" : "shared by a colleague");
  if (entry.hidden_characters) parts.push(leftOut(entry.hidden_characters));
  if (entry.notes.length) parts.push(entry.notes.length === 1 ? "1 note" : `${entry.notes.length} notes`);
  about.textContent = parts.join(" · ");
  if (entry.status === "ready") about.append(" · ", readingButton(entry));
  const status = document.createElement("span");
  status.className = "status";
  status.textContent = entry.problem || STATES[entry.status] || entry.status;
  row.append(title, about, status);
  if (entry.own) row.append(options(entry));
  return row;
}

function options(entry) {
  const button = document.createElement("button");
  button.className = "quiet more";
  button.textContent = "⋯";
  button.setAttribute("aria-label", `Options for ${entry.title}`);
  button.addEventListener("click", () => {
    chosen = entry;
    at("option-title").value = entry.title;
    at("option-shared").checked = entry.shared;
    at("options").showModal();
  });
  return button;
}

async function act(method, path, value = undefined) {
  at("options").close();
  notify("");
  try {
    const address = `/api/v1/documents/${chosen.id}${path}`;
    await (value === undefined ? request(address, { method }) : sendJson(address, value, { method }));
  } catch (error) {
    notify(error.message);
  }
  await refresh();
}

/** List again; where that fails, go on trying. */
async function refresh() {
  try {
    await listDocuments();
  } catch (error) {
    notify(`${error.message} Trying again…`);
    watch(2 * WATCH_MILLISECONDS);
  }
}

function leftOut(count) {
  return `${count.toLocaleString()} hidden ${count === 1 ? "character" : "characters"} left out`;
}

// what was read

function readingButton(entry) {
  const button = document.createElement("button");
  button.className = "link";
  button.textContent = "What was read";
  button.setAttribute("aria-label", `What was read from ${entry.title}`);
  button.addEventListener("click", () => showReading(entry));
  return button;
}

async function showReading(entry) {
  shown = { id: entry.id, last: -1 };
  at("reading-title").textContent = entry.title;
  const left = entry.hidden_characters ? ` ${leftOut(entry.hidden_characters)}: a reader would not have seen them.` : "";
  at("reading-about").textContent = `This is the text that the assistant can search and quote.${left}`;
  at("reading-notes").replaceChildren(...entry.notes.map(noteEntry));
  at("reading-passages").replaceChildren();
  at("reading-more").hidden = true;
  if (await showPassages()) at("reading").showModal();
}

function noteEntry(note) {
  const item = document.createElement("li");
  item.textContent = note;
  return item;
}

async function showPassages() {
  const { id, last } = shown;
  try {
    const passages = await getJson(`/api/v1/documents/${id}/passages?after=${last}`);
    if (shown.id !== id || shown.last !== last) return false; // another document was asked for, or the same twice
    at("reading-passages").append(...passages.map(passageEntry));
    at("reading-more").hidden = passages.length < PASSAGES;
    shown.last = passages.at(-1)?.place ?? last;
    return true;
  } catch (error) {
    at("reading").close();
    notify(error.status === 404 ? "This document is no longer there." : error.message);
    return false;
  }
}

function passageEntry(passage) {
  const row = document.createElement("li");
  if (passage.section) {
    const section = document.createElement("b");
    section.textContent = passage.section;
    row.append(section);
  }
  const content = document.createElement("p");
  content.textContent = passage.content;
  row.append(content);
  return row;
}

function size(bytes) {
  return bytes < 1024 ? `${bytes} B` : bytes < 1048576 ? `${Math.round(bytes / 1024)} KB` : `${(bytes / 1048576).toFixed(1)} MB`;
}

async function send(query, file) {
  const headers = { "content-type": "application/octet-stream" };
  for (;;) {
    try {
      return await request(`/api/v1/documents?${query}`, { method: "POST", body: file, headers, stream: true });
    } catch (error) {
      if (error.status !== 429) throw error;
      notify(`${error.message} Waiting…`);
      await new Promise((go) => setTimeout(go, 3 * WATCH_MILLISECONDS)); // until some are read
    }
  }
}

async function upload(files) {
  notify("");
  const refused = [];
  for (const file of files) {
    const query = new URLSearchParams({ name: file.name, shared: String(at("shared").checked) });
    try {
      await send(query, file);
    } catch (error) {
      refused.push(`${file.name}: ${error.message}`);
    }
    await refresh();
  }
  notify(refused.join(" "));
}

async function uploadChosen() {
  const files = [...at("file").files];
  if (!files.length) return;
  await upload(files);
  at("file").value = "";
}

at("file").addEventListener("change", uploadChosen);
uploadChosen(); // what was chosen before this script was there
at("upload").addEventListener("submit", (event) => event.preventDefault());
for (const kind of ["dragover", "dragleave", "drop"]) {
  at("upload").addEventListener(kind, (event) => {
    event.preventDefault();
    at("upload").classList.toggle("over", kind === "dragover");
    if (kind === "drop") upload([...event.dataTransfer.files]);
  });
}

at("options-form").addEventListener("submit", (event) => {
  event.preventDefault();
  act("PATCH", "", { title: at("option-title").value, shared: at("option-shared").checked });
});
at("option-again").addEventListener("click", () => act("POST", "/index"));
at("option-delete").addEventListener("click", () => {
  if (confirm(`Delete ${chosen.title}? Answers can no longer cite it.`)) act("DELETE", "");
});
at("options-close").addEventListener("click", () => at("options").close());
at("reading-more").addEventListener("click", showPassages);
at("reading-close").addEventListener("click", () => at("reading").close());

start(async () => {
  await fillFrame();
  await listDocuments();
});
