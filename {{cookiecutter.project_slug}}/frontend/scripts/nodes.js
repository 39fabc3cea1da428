// An answer's nodes become elements here, and nowhere else (control web-browser).
//
// Stops: script and markup in an answer, should the server ever fail to keep it out. Elements come from this
// file's own list, text goes in as text, addresses are judged again; no string is ever parsed as markup.
// Fails closed: what is not listed is shown as its text.

const ELEMENTS = new Map(Object.entries({
  p: "p", h1: "h3", h2: "h3", h3: "h4", h4: "h5", h5: "h6", h6: "h6", ul: "ul", ol: "ol", li: "li",
  blockquote: "blockquote", pre: "pre", code: "code", em: "em", strong: "strong", s: "s", hr: "hr", br: "br",
  table: "table", thead: "thead", tbody: "tbody", tr: "tr", th: "th", td: "td",
}));
const SCHEMES = new Set(["http:", "https:", "mailto:"]);
const ALIGNMENTS = new Set(["left", "center", "right"]);
const DEEPEST = 60;

/**
 * Return DOM nodes for a list of answer nodes.
 * `on` has the functions `cite(number)`, `leave(address)` and `refuse(kind)`, which is told of what is not listed.
 */
export function buildNodes(nodes, on, depth = 0) {
  if (!Array.isArray(nodes) || depth > DEEPEST) return [];
  return nodes.map((node) => buildNode(node, on, depth));
}

function buildNode(node, on, depth) {
  if (!Array.isArray(node)) return document.createTextNode(typeof node === "string" ? node : "");
  const [kind, given, ...children] = node;
  const attributes = given && typeof given === "object" ? given : {};
  if (kind === "cite") return citation(attributes.number, on);
  const element = elementFor(kind, attributes, on);
  element.append(...buildNodes(children, on, depth + 1));
  return element;
}

function elementFor(kind, attributes, on) {
  if (kind === "link") return link(attributes.target, on);
  if (kind === "token") {
    const element = document.createElement("span");
    if (/^[a-z0-9]{1,4}$/.test(attributes.kind)) element.classList.add(`token-${attributes.kind}`);
    return element;
  }
  if (!ELEMENTS.has(kind)) on.refuse(typeof kind === "string" ? kind : typeof kind);
  const element = document.createElement(ELEMENTS.get(kind) ?? "span");
  if (kind === "ol" && Number.isInteger(attributes.start)) element.start = attributes.start;
  if (ALIGNMENTS.has(attributes.align)) element.classList.add(`align-${attributes.align}`);
  if (kind === "code" && /^[\w+#.-]{1,20}$/.test(attributes.language ?? "")) element.dataset.language = attributes.language;
  return element;
}

function citation(number, on) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "cite";
  button.textContent = String(Number.isInteger(number) ? number : "?");
  button.setAttribute("aria-label", `Source ${button.textContent}`);
  button.addEventListener("click", () => on.cite(number));
  return button;
}

function link(target, on) {
  const address = safeAddress(target);
  if (address === null) {
    on.refuse("link");
    return document.createElement("span");
  }
  // a button: an address of an answer is never where a stray click, a prefetch or a drag could use it
  const button = document.createElement("button");
  button.type = "button";
  button.className = "link";
  button.title = address;
  button.addEventListener("click", () => on.leave(address));
  return button;
}

/** Return the address when it may be opened, else null. */
export function safeAddress(target) {
  if (typeof target !== "string" || /[\s\\\p{C}]/u.test(target) || !URL.canParse(target)) return null;
  const url = new URL(target);
  if (!SCHEMES.has(url.protocol) || url.username || url.password) return null;
  return url.protocol === "mailto:" || url.hostname ? target : null;
}

/** Apply one update of a streamed answer to `place`; its last child holds the block that is still open. */
export function applyUpdate(place, update, on) {
  const open = place.lastElementChild;
  if (update.done) open.before(...buildNodes(update.done, on));
  if (update.open) open.replaceChildren(...buildNodes(update.open, on));
  if (update.text) {
    let last = open;
    while (last.lastChild) last = last.lastChild;
    if (last.nodeType === Node.TEXT_NODE) last.appendData(update.text);
  }
}
