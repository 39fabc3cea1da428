// The sign-in page: afterwards one comes back to the page that one was on.

import { PAGES, showProjectName } from "./frame.js";

const wanted = location.hash.slice(1);
// the server takes no other target either
const known = PAGES.some(({ path, below = [] }) => [path, ...below].includes(wanted));
if (known) document.querySelector("a.primary").href = `/auth/login?return=${encodeURIComponent(wanted)}`;
showProjectName();
