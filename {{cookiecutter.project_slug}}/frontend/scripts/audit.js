// The activity page: records of the audit trail, the latest first.

import { getJson } from "./api.js";
import { fillFrame, notify, start } from "./frame.js";

const at = (id) => document.getElementById(id);
const OVERSEERS = ["admin", "auditor"];
const PAGE = 50;
let last = null;

function make(kind, className, text) {
  const element = document.createElement(kind);
  element.className = className;
  element.textContent = text;
  return element;
}

async function show(before) {
  const everybody = at("everybody").checked;
  const query = new URLSearchParams({ most: PAGE, ...(before ? { before } : {}) });
  const records = await getJson(`/api/v1/audit${everybody ? "" : "/own"}?${query}`);
  if (!before) at("records").replaceChildren();
  at("records").append(...records.map((record) => entry(record, everybody)));
  last = records.at(-1)?.id ?? null;
  at("more").hidden = records.length < PAGE;
}

function entry(record, everybody) {
  const refused = record.status >= 400;
  const row = make("li", `document record ${refused ? "failed" : ""}`, "");
  row.append(make("b", "", record.action));
  const who = everybody ? [record.name ?? record.user] : [];
  const by = record.carrier === "session" ? "in a browser" : `with a ${record.carrier}`;
  const spent = record.prompt_tokens === null ? [] : [`${record.prompt_tokens + record.answer_tokens} tokens`];
  row.append(make("span", "hint", [...who, by, record.address, ...spent, record.request_id].join(" · ")));
  const time = new Date(record.at).toLocaleString([], { dateStyle: "short", timeStyle: "medium" });
  row.append(make("span", "status", refused ? `${time} · refused (${record.status})` : time));
  return row;
}

const complain = (error) => notify(error.message);
at("everybody").addEventListener("change", () => show().catch(complain));
at("more").addEventListener("click", () => show(last).catch(complain));
start(async () => {
  const session = await fillFrame();
  at("choice").hidden = !OVERSEERS.includes(session.role);
  await show();
});
