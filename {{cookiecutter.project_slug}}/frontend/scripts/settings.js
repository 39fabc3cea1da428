// The settings page: API keys are made, listed and revoked; sessions are listed and ended.

import { getJson, request, sendJson } from "./api.js";
import { complain, fillFrame, notify, start } from "./frame.js";

const at = (id) => document.getElementById(id);
const SCOPES = { chat: "asks questions", documents: "reads and changes documents" };
let chosen = null;

function make(kind, className, text) {
  const element = document.createElement(kind);
  element.className = className;
  element.textContent = text;
  return element;
}

async function listKeys() {
  const keys = await getJson("/api/v1/keys");
  at("no-keys").hidden = keys.length > 0;
  at("keys").replaceChildren(...keys.map(keyEntry));
}

function keyEntry(key) {
  const row = make("li", `document ${key.revoked_at ? "failed" : ""}`, "");
  const used = key.last_used_at ? `last used ${day(key.last_used_at)}` : "never used";
  const from = key.networks.length ? [`from ${key.networks.join(", ")}`] : [];
  const about = [`${key.hint}…`, key.scopes.map((scope) => SCOPES[scope] ?? scope).join(", "), ...from, used].join(" · ");
  row.append(make("b", "", key.name), make("span", "hint", about));
  row.append(make("span", "status", key.revoked_at ? "Revoked" : `until ${day(key.expires_at)}`));
  if (key.revoked_at) return row;
  const choices = make("div", "choices", "");
  choices.append(asking(key, "Replace", "rotating"), asking(key, "Revoke", "revoking"));
  row.append(choices);
  return row;
}

function asking(key, what, sheet) {
  const button = make("button", "quiet more", what);
  button.setAttribute("aria-label", `${what} ${key.name}`);
  button.addEventListener("click", () => {
    chosen = key;
    at(`${sheet}-name`).textContent = `${key.name} (${key.hint}…)`;
    at(sheet).showModal();
  });
  return button;
}

async function listSessions() {
  const sessions = await getJson("/api/v1/sessions");
  at("end-others").hidden = sessions.length < 2;
  at("sessions").replaceChildren(...sessions.map(sessionEntry));
}

function sessionEntry(session) {
  const row = make("li", "document", "");
  const about = [session.address, `since ${moment(session.begun_at)}`].join(" · ");
  row.append(make("b", "", session.browser), make("span", "hint", about));
  row.append(make("span", "status", session.current ? "This browser" : `last used ${moment(session.seen_at)}`));
  if (!session.current) row.append(ending(session));
  return row;
}

function ending(session) {
  const button = make("button", "quiet more", "Sign out");
  button.setAttribute("aria-label", `Sign out ${session.browser}, last used ${moment(session.seen_at)}`);
  button.addEventListener("click", () => end(`/api/v1/sessions/${session.id}`));
  return button;
}

function end(path) {
  request(path, { method: "DELETE" }).then(listSessions).catch(complain);
}

function moment(text) {
  return new Date(text).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}

function day(text) {
  return new Date(text).toLocaleDateString();
}

async function makeKey() {
  const scopes = [...document.querySelectorAll("[name=scope]:checked")].map((box) => box.value);
  if (!scopes.length) return notify("Choose what the key may do.");
  const networks = at("key-networks").value.split(/[\s,]+/).filter(Boolean);
  await take("/api/v1/keys", { name: at("key-name").value, scopes, networks, days: Number(at("key-days").value) });
  at("key-name").value = at("key-networks").value = "";
}

async function take(path, wanted) {
  const response = await sendJson(path, wanted);
  at("made-key").value = (await response.json()).key;
  notify("");
  at("made").showModal();
  at("made-key").select();
  await listKeys();
}

at("base").textContent = `${location.origin}/v1`;
at("new-key").addEventListener("submit", (event) => {
  event.preventDefault();
  makeKey().catch(complain);
});
at("made-close").addEventListener("click", () => at("made").close());
at("made").addEventListener("close", () => (at("made-key").value = ""));
at("rotating-no").addEventListener("click", () => at("rotating").close());
at("rotating-yes").addEventListener("click", () => {
  at("rotating").close();
  take(`/api/v1/keys/${chosen.id}/rotation`, { overlap_hours: Number(at("rotating-overlap").value) }).catch(complain);
});
at("revoking-no").addEventListener("click", () => at("revoking").close());
at("revoking-yes").addEventListener("click", () => {
  at("revoking").close();
  request(`/api/v1/keys/${chosen.id}`, { method: "DELETE" }).then(listKeys).catch(complain);
});
at("end-others").addEventListener("click", () => end("/api/v1/sessions"));
start(async () => {
  await fillFrame();
  await Promise.all([listKeys(), listSessions()]);
});
