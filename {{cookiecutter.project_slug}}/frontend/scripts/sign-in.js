import { showProjectName } from "./frame.js";

showProjectName();
