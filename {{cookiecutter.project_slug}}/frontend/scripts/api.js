// Talking to the application's own API: same origin, the session's token on whatever changes something.

const ANSWER_MILLISECONDS = 60_000;
// a stream that brings nothing for so long is dead: the server gives a model less
const SILENCE_MILLISECONDS = 90_000;
let session = null;

/** Tells when the session is over and the page is about to be left. */
export const leave = new EventTarget();

/**
 * A refusal of the server. `status` is the HTTP status, `kind` the problem's type, `message` a sentence to show, `wait`
 * seconds or null.
 */
export class Refusal extends Error {
  constructor(status, problem, wait) {
    super([problem.title, problem.detail].filter(Boolean).join(". ").replace(/\.\. /g, ". "));
    this.status = status;
    this.kind = problem.type;
    this.wait = wait;
  }
}

/** Return the signed-in session (name, role, csrf_token); leaves for the sign-in page when there is none. */
export async function getSession() {
  session ??= await getJson("/api/v1/session");
  return session;
}

/**
 * Fetch a path; raises Refusal. Without a session the browser goes to the sign-in page, and comes back. A `stream` has no
 * limit of time here: its reader sets one.
 */
export async function request(path, { stream = false, ...options } = {}) {
  const headers = new Headers(options.headers);
  if (options.method && options.method !== "GET") headers.set("x-csrf-token", (await getSession()).csrf_token);
  const limit = stream ? null : AbortSignal.timeout(ANSWER_MILLISECONDS);
  const signal = options.signal && limit ? AbortSignal.any([options.signal, limit]) : (options.signal ?? limit);
  const response = await fetch(path, { ...options, signal, headers, cache: "no-store", redirect: "error" }).catch((error) => {
    throw options.signal?.aborted ? error : unreachable(error);
  });
  if (response.status === 401) {
    leave.dispatchEvent(new Event("signed-out"));
    location.assign(`/sign-in#${location.pathname}`);
    await new Promise(() => {}); // the page is being left
  }
  if (!response.ok) throw new Refusal(response.status, await problemOf(response), retryAfter(response));
  return response;
}

/** Return the JSON of a path. */
export async function getJson(path) {
  return (await request(path)).json();
}

/** Send JSON and return the response. */
export function sendJson(path, value, options = {}) {
  const headers = { "content-type": "application/json" };
  return request(path, { method: "POST", body: JSON.stringify(value), headers, ...options });
}

/** Tell the server that a node of an answer was refused here: its own half of the work must have failed. */
export function reportRefused(kind) {
  const body = JSON.stringify({ "refused-node": kind.slice(0, 40) });
  fetch("/csp-report", { method: "POST", body, keepalive: true }).catch(() => {}); // only a report: nobody waits for it
}

/** Return what to say when no answer came at all: the browser's own words differ, and say little. */
function unreachable(error) {
  const title = navigator.onLine ? "The server cannot be reached" : "You are offline";
  const detail = "What you typed is kept. Try again when the connection is back.";
  const refusal = new Refusal(0, { title, detail, type: "urn:chatbot:unreachable" }, null);
  refusal.cause = error;
  return refusal;
}

async function problemOf(response) {
  try {
    return await response.json();
  } catch {
    return { title: `The server answered with status ${response.status}` };
  }
}

function retryAfter(response) {
  const seconds = Number(response.headers.get("retry-after") ?? NaN);
  return Number.isFinite(seconds) ? seconds : null;
}

/** Yield the events of a server-sent event stream as [name, data]. */
export async function* readEvents(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await withinSilence(reader);
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      let name = "message";
      let data = "";
      for (const line of block.split("\n")) {
        if (line.startsWith("event: ")) name = line.slice(7);
        else if (line.startsWith("data: ")) data += line.slice(6);
      }
      if (data) yield [name, JSON.parse(data)];
    }
  }
}

async function withinSilence(reader) {
  let timer = null;
  const silence = new Promise((_, fail) => {
    timer = setTimeout(() => fail(unreachable(new Error("silence"))), SILENCE_MILLISECONDS);
  });
  try {
    return await Promise.race([reader.read(), silence]);
  } catch (error) {
    reader.cancel().catch(() => {}); // the connection is given up
    throw error instanceof TypeError ? unreachable(error) : error;
  } finally {
    clearTimeout(timer);
  }
}
