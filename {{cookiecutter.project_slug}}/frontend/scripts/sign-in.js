// The sign-in page: afterwards one comes back to the page that one was on.

import { showProjectName } from "./frame.js";

// the server takes no other target either
const PAGES = ["/documents", "/settings", "/usage", "/audit", "/admin"];
const wanted = location.hash.slice(1);
if (PAGES.includes(wanted)) document.querySelector("a.primary").href = `/auth/login?return=${encodeURIComponent(wanted)}`;
showProjectName();
