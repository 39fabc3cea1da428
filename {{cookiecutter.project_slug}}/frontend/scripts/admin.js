// The people of an organisation: roles, budgets, keys, sessions, suspension. The server decides; auditors only read.

import { getJson, request, sendJson } from "./api.js";
import { complain, fillFrame, notify, start } from "./frame.js";

const at = (id) => document.getElementById(id);
const PEOPLE = "/api/v1/admin/people";
const BUDGET = "/api/v1/admin/budget";
const state = { session: null, person: null };

function make(kind, className, text) {
  const element = document.createElement(kind);
  element.className = className;
  element.textContent = text;
  return element;
}

async function listPeople() {
  const people = await getJson(PEOPLE);
  at("people").replaceChildren(...people.map(entry));
  return people;
}

function entry(person) {
  const row = make("li", `document ${person.suspended_at ? "failed" : ""}`, "");
  const role = person.granted ? `${person.role}, set here` : person.role;
  const keys = person.keys === 1 ? "1 key" : `${person.keys} keys`;
  row.append(make("b", "", person.own ? `${person.name} (you)` : person.name));
  row.append(make("span", "hint", [role, keys, `last sign-in ${day(person.signed_in_at)}`].join(" · ")));
  row.append(make("span", "status", person.suspended_at ? `suspended since ${day(person.suspended_at)}` : ""));
  const button = make("button", "quiet more", "Open");
  button.setAttribute("aria-label", `Open ${person.name}`);
  button.addEventListener("click", () => open(person).catch(complain));
  row.append(button);
  return row;
}

async function open(person) {
  const keys = await getJson(`${PEOPLE}/${person.id}/keys`);
  state.person = person;
  at("person-name").textContent = person.name;
  at("person-about").textContent = `The identity provider's groups make them ${person.provider_role}.`;
  at("person-role").value = person.granted ? person.role : "";
  at("person-budget").value = person.monthly_tokens ?? "";
  at("person-suspend").textContent = person.suspended_at ? "Let in again" : "Suspend";
  at("person-keys").replaceChildren(...keys.map(keyEntry));
  at("person-no-keys").hidden = keys.length > 0;
  at("person-problem").textContent = "";
  const reads = state.session.role !== "admin" || person.own;
  for (const control of at("person").querySelectorAll("select, input, .button, .revoke")) control.disabled = reads;
  if (!at("person").open) at("person").showModal();
}

function keyEntry(key) {
  const row = make("li", `document ${key.revoked_at ? "failed" : ""}`, "");
  const used = key.last_used_at ? `last used ${day(key.last_used_at)}` : "never used";
  row.append(make("b", "", key.name), make("span", "hint", [`${key.hint}…`, key.scopes.join(", "), used].join(" · ")));
  row.append(make("span", "status", key.revoked_at ? "Revoked" : `until ${day(key.expires_at)}`));
  if (!key.revoked_at) {
    const button = make("button", "quiet more revoke", "Revoke");
    button.setAttribute("aria-label", `Revoke ${key.name}`);
    button.addEventListener("click", () => act(request(`${PEOPLE}/${state.person.id}/keys/${key.id}`, { method: "DELETE" })));
    row.append(button);
  }
  return row;
}

// what is refused for a sign-in of long ago is offered one, on the page below the sheet
async function act(...done) {
  try {
    await Promise.all(done);
    const people = await listPeople();
    await open(people.find((person) => person.id === state.person.id));
    at("person-problem").textContent = "Done.";
  } catch (error) {
    at("person-problem").textContent = error.message;
    if (error.kind !== "urn:chatbot:sign-in-again") return;
    at("person").close();
    complain(error);
  }
}

async function save() {
  const { id, granted, role, monthly_tokens: budget } = state.person;
  const wanted = at("person-role").value || null;
  const tokens = at("person-budget").value === "" ? null : Number(at("person-budget").value);
  const changes = [];
  if (tokens !== budget) changes.push(sendJson(`${PEOPLE}/${id}/budget`, { monthly_tokens: tokens }, { method: "PATCH" }));
  if (wanted !== (granted ? role : null)) changes.push(sendJson(`${PEOPLE}/${id}/role`, { role: wanted }, { method: "PATCH" }));
  await act(...changes);
}

async function showBudget() {
  const { monthly_tokens: own, most_monthly_tokens: most } = await getJson(BUDGET);
  at("budget").value = own ?? "";
  at("budget-most").textContent = most === null ? "The operator sets no limit." : `The operator allows ${most.toLocaleString()} at the most.`;
  for (const control of at("budget-form").querySelectorAll("input, button")) control.disabled = state.session.role !== "admin";
}

async function saveBudget() {
  const tokens = at("budget").value === "" ? null : Number(at("budget").value);
  await sendJson(BUDGET, { monthly_tokens: tokens }, { method: "PATCH" });
  await showBudget();
  notify("The budget is saved.");
}

function day(text) {
  return new Date(text).toLocaleDateString();
}

at("person-form").addEventListener("submit", (event) => {
  event.preventDefault();
  save();
});
at("budget-form").addEventListener("submit", (event) => {
  event.preventDefault();
  saveBudget().catch(complain);
});
at("person-close").addEventListener("click", () => at("person").close());
at("person-sessions").addEventListener("click", () => act(request(`${PEOPLE}/${state.person.id}/sessions`, { method: "DELETE" })));
at("person-suspend").addEventListener("click", () => {
  const method = state.person.suspended_at ? "DELETE" : "POST";
  act(request(`${PEOPLE}/${state.person.id}/suspension`, { method }));
});
start(async () => {
  state.session = await fillFrame();
  await Promise.all([listPeople(), showBudget()]);
});
