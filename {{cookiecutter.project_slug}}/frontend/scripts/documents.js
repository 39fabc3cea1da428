// The documents page: upload, watch until searchable, delete.

import { getJson, request } from "./api.js";
import { fillFrame, notify } from "./frame.js";

const at = (id) => document.getElementById(id);
const STATES = { queued: "Being read…", ready: "Ready", failed: "Failed" };
const WATCH_MILLISECONDS = 700;
let watching = null;

async function listDocuments() {
  const documents = await getJson("/api/v1/documents");
  at("no-documents").hidden = documents.length > 0;
  at("documents").replaceChildren(...documents.map(documentEntry));
  clearTimeout(watching);
  if (documents.some((entry) => entry.status === "queued")) watching = setTimeout(listDocuments, WATCH_MILLISECONDS);
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
  about.textContent = parts.join(" · ");
  const status = document.createElement("span");
  status.className = "status";
  status.textContent = entry.problem || STATES[entry.status] || entry.status;
  row.append(title, about, status);
  if (entry.own) row.append(removal(entry));
  return row;
}

function removal(entry) {
  const button = document.createElement("button");
  button.className = "quiet remove";
  button.textContent = "Delete";
  button.setAttribute("aria-label", `Delete ${entry.title}`);
  button.addEventListener("click", async () => {
    if (!confirm(`Delete ${entry.title}? Answers can no longer cite it.`)) return;
    await request(`/api/v1/documents/${entry.id}`, { method: "DELETE" }).catch((error) => notify(error.message));
    await listDocuments();
  });
  return button;
}

function size(bytes) {
  return bytes < 1024 ? `${bytes} B` : bytes < 1048576 ? `${Math.round(bytes / 1024)} KB` : `${(bytes / 1048576).toFixed(1)} MB`;
}

async function upload(files) {
  notify("");
  const refused = [];
  for (const file of files) {
    const query = new URLSearchParams({ name: file.name, shared: String(at("shared").checked) });
    try {
      const headers = { "content-type": "application/octet-stream" };
      await request(`/api/v1/documents?${query}`, { method: "POST", body: file, headers });
    } catch (error) {
      refused.push(`${file.name}: ${error.message}`);
    }
    await listDocuments();
  }
  notify(refused.join(" "));
}

at("file").addEventListener("change", async () => {
  await upload([...at("file").files]);
  at("file").value = "";
});
at("upload").addEventListener("submit", (event) => event.preventDefault());
for (const kind of ["dragover", "dragleave", "drop"]) {
  at("upload").addEventListener(kind, (event) => {
    event.preventDefault();
    at("upload").classList.toggle("over", kind === "dragover");
    if (kind === "drop") upload([...event.dataTransfer.files]);
  });
}

await fillFrame();
await listDocuments();
