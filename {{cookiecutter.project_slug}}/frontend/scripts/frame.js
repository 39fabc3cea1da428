// What every page shares: the project's name, who is signed in, signing out, one line for notices.

import { getSession, request } from "./api.js";
import { claimDrafts, dropDrafts } from "./drafts.js";

// The navigation: each page, the pages that are reached from it, and the roles it is for (everybody's without)
export const PAGES = [
  { path: "/", name: "Chat" },
  { path: "/documents", name: "Documents" },
  { path: "/settings", name: "Settings", below: ["/usage", "/audit"] },
  { path: "/admin", name: "People", roles: ["admin", "auditor"] },
];

/** Fill the frame of a signed-in page and return the session. */
export async function fillFrame() {
  showProjectName();
  showPages(PAGES.filter((page) => !page.roles));
  const session = await getSession();
  claimDrafts(session.user);
  document.getElementById("account-name").textContent = session.name;
  showPages(PAGES.filter((page) => page.roles?.includes(session.role)));
  document.getElementById("sign-out").addEventListener("click", async () => {
    await request("/api/v1/session", { method: "DELETE" });
    dropDrafts();
    location.assign("/sign-in");
  });
  return session;
}

function showPages(pages) {
  const links = pages.map(({ path, name, below = [] }) => {
    const link = document.createElement("a");
    link.href = path;
    link.textContent = name;
    if (location.pathname === path) link.setAttribute("aria-current", "page");
    if (below.includes(location.pathname)) link.setAttribute("aria-current", "true");
    return link;
  });
  document.querySelector(".bar nav").append(...links);
}

/** Put the project's name where the page wants it. */
export async function showProjectName() {
  const response = await fetch("/assets/project.json");
  const { name } = await response.json();
  for (const place of document.querySelectorAll("[data-project-name]")) place.textContent = name;
  document.title = `${document.title} · ${name}`;
}

/** Run a page's start. What fails is said, with a way to try again: an empty page would look as if there were nothing. */
export async function start(page) {
  try {
    await page();
  } catch (error) {
    notify(error.message, { label: "Try again", act: async () => location.reload() });
  }
}

for (const kind of ["error", "unhandledrejection"]) {
  window.addEventListener(kind, (event) => notify((event.reason ?? event.error)?.message ?? "Something failed. Reload the page."));
}
window.addEventListener("offline", () => notify("You are offline. What you typed is kept."));
window.addEventListener("online", () => notify(""));

/** Show a sentence to the person, with a button if there is something to do (`label`, `act`); an empty one clears it. */
export function notify(text, offer = null) {
  const place = document.getElementById("notice");
  place.classList.toggle("calm", offer !== null);
  place.textContent = text;
  if (!offer) return;
  const button = document.createElement("button");
  button.className = "quiet act";
  button.textContent = offer.label;
  button.addEventListener("click", () => offer.act().catch((error) => notify(error.message)));
  place.append(" ", button);
}

/** Show why something was refused; where a new sign-in would help, offer it, and come back to this page afterwards. */
export function complain(error) {
  if (error.kind !== "urn:chatbot:sign-in-again") return notify(error.message);
  const address = `/auth/login?again=true&return=${encodeURIComponent(location.pathname)}`;
  notify(error.message, { label: "Sign in again", act: async () => location.assign(address) });
}
