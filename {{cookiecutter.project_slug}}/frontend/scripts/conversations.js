// The list of conversations at the side: searched, filed, renamed, exported, deleted with an undo.

import { getJson, request, sendJson } from "./api.js";
import { notify } from "./frame.js";

const at = (id) => document.getElementById(id);
const PAUSE_MILLISECONDS = 200;
const state = { current: null, asked: 0, chosen: null, folders: [], timer: null };

function make(kind, className, ...children) {
  const element = document.createElement(kind);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

/** Show the list anew; `current` is the conversation that is open, or null. */
export async function listConversations(current = state.current) {
  state.current = current;
  const asked = ++state.asked;
  const search = at("search").value.trim();
  const found = await getJson(`/api/v1/conversations${search ? `?${new URLSearchParams({ search })}` : ""}`);
  if (asked !== state.asked) return; // a later question was faster
  if (!search) state.folders = [...new Set(found.map((entry) => entry.folder).filter(Boolean))].sort((a, b) => a.localeCompare(b));
  at("no-conversations").hidden = found.length > 0;
  at("no-conversations").textContent = search ? "No conversation holds all of these words." : "Your conversations will be listed here.";
  const filed = search ? [] : state.folders.map((folder) => folderOf(folder, found.filter((entry) => entry.folder === folder)));
  const loose = search ? found : found.filter((entry) => !entry.folder);
  at("conversations").replaceChildren(...filed, make("ol", "", ...loose.map(entryOf)));
}

function folderOf(name, entries) {
  const folder = make("details", "folder", make("summary", "", name), make("ol", "", ...entries.map(entryOf)));
  folder.open = !state.closed?.has(name);
  folder.addEventListener("toggle", () => {
    state.closed ??= new Set();
    if (folder.open) state.closed.delete(name);
    else state.closed.add(name);
  });
  return folder;
}

function entryOf(entry) {
  const open = make("a", "entry", make("span", "", entry.title));
  if (entry.snippet) open.append(make("span", "snippet", entry.snippet));
  open.href = `/#${entry.id}`;
  open.title = entry.title;
  if (entry.id === state.current) open.setAttribute("aria-current", "true");
  const more = make("button", "quiet more", "⋯");
  more.setAttribute("aria-label", `Options for “${entry.title}”`);
  more.addEventListener("click", () => showOptions(entry));
  return make("li", "", open, more);
}

function showOptions(entry) {
  state.chosen = entry;
  at("option-title").value = entry.title;
  at("option-folder").value = entry.folder ?? "";
  at("folders").replaceChildren(...state.folders.map((name) => Object.assign(document.createElement("option"), { value: name })));
  at("export-markdown").href = `/api/v1/conversations/${entry.id}/export?format=markdown`;
  at("export-json").href = `/api/v1/conversations/${entry.id}/export?format=json`;
  at("options").showModal();
}

async function saveOptions() {
  const change = { title: at("option-title").value, folder: at("option-folder").value };
  await sendJson(`/api/v1/conversations/${state.chosen.id}`, change, { method: "PATCH" });
  await listConversations();
}

async function deleteChosen() {
  const { id, title } = state.chosen;
  await request(`/api/v1/conversations/${id}`, { method: "DELETE" });
  const wasOpen = id === state.current;
  if (wasOpen) location.hash = "";
  await listConversations(wasOpen ? null : state.current);
  notify(`“${title}” was deleted.`, {
    label: "Undo",
    act: async () => {
      await request(`/api/v1/conversations/${id}/restore`, { method: "POST" });
      notify("");
      if (wasOpen) location.hash = id;
      await listConversations();
    },
  });
}

/** Make the list's controls work. */
export function watchList() {
  const complain = (error) => notify(error.message);
  at("search").addEventListener("input", () => {
    clearTimeout(state.timer);
    state.timer = setTimeout(() => listConversations().catch(complain), PAUSE_MILLISECONDS);
  });
  at("options-form").addEventListener("submit", (event) => {
    event.preventDefault();
    at("options").close();
    saveOptions().catch(complain);
  });
  at("option-delete").addEventListener("click", () => {
    at("options").close();
    deleteChosen().catch(complain);
  });
  at("options-close").addEventListener("click", () => at("options").close());
}
