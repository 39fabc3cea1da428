// The usage page: each budget as a meter.

import { getJson } from "./api.js";
import { fillFrame, notify, start } from "./frame.js";

const WHOSE = { user: "Yours", tenant: "Your organisation's", all: "Everybody's" };
const WINDOWS_EACH = 3;
const WINDOWS = { minute: "This minute", day: "Today", month: "This month" };

function make(kind, className, text) {
  const element = document.createElement(kind);
  element.className = className;
  element.textContent = text;
  return element;
}

async function showUsage() {
  const { budgets, currency } = await getJson("/api/v1/usage");
  const parts = [];
  for (let first = 0; first < budgets.length; first += WINDOWS_EACH) {
    const { scope, key } = budgets[first];
    parts.push(make("h2", "", key === null ? (WHOSE[scope] ?? scope) : `The key ${key}`));
    parts.push(listOf(budgets.slice(first, first + WINDOWS_EACH), currency));
  }
  document.getElementById("budgets").replaceChildren(...parts);
}

function listOf(budgets, currency) {
  const list = make("ul", "documents", "");
  list.append(...budgets.map((budget) => entry(budget, currency)));
  return list;
}

function entry(budget, currency) {
  const row = make("li", "document budget", "");
  row.append(make("b", "", WINDOWS[budget.window] ?? budget.window));
  row.append(make("span", "status", `begins anew ${moment(budget.resets_at)}`));
  row.append(meter(budget.tokens, (count) => Math.round(count).toLocaleString(), "tokens"));
  const paid = budget.money.used > 0 || budget.money.limit !== null;
  if (paid) row.append(meter(budget.money, (units) => units.toLocaleString(undefined, { style: "currency", currency }), "spent"));
  return row;
}

function meter({ used, limit }, shown, unit) {
  const box = make("div", "measure", "");
  const text = limit === null ? `${shown(used)} ${unit}, no limit` : `${shown(used)} of ${shown(limit)} ${unit}`;
  if (limit !== null) {
    const bar = make("meter", "", text);
    [bar.max, bar.high, bar.optimum, bar.value] = [limit, limit * 0.9, 0, used];
    bar.setAttribute("aria-label", text);
    box.append(bar);
  }
  box.append(make("span", "hint", text));
  return box;
}

function moment(text) {
  const date = new Date(text);
  const soon = date - Date.now() < 24 * 3600 * 1000;
  return soon ? date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }) : date.toLocaleDateString();
}

start(async () => {
  await fillFrame();
  await showUsage();
});
