// What somebody has typed and not sent yet: kept for this tab until it is sent, and for nobody else.
//
// Kept in the tab's own storage (sessionStorage), which ends with the tab. A draft belongs to the account that typed it:
// another one's is dropped, and signing out drops all.

const PREFIX = "draft:";
let owner = "";

/** Say whose drafts these are; another account's are dropped. */
export function claimDrafts(account) {
  owner = account;
  if (sessionStorage.getItem("owner") !== owner) dropDrafts();
  sessionStorage.setItem("owner", owner);
}

/** Return the draft of a conversation ("" for a new one). */
export function readDraft(conversation) {
  return owner ? (sessionStorage.getItem(PREFIX + conversation) ?? "") : "";
}

/** Keep a draft; an empty one is dropped. */
export function keepDraft(conversation, text) {
  if (!owner) return;
  if (text) sessionStorage.setItem(PREFIX + conversation, text);
  else sessionStorage.removeItem(PREFIX + conversation);
}

/** Drop every draft. */
export function dropDrafts() {
  sessionStorage.clear();
}
