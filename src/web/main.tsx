/** Shows the dashboard. */
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app.js";
import { takeSignInCode } from "./session/sign-in-code.js";
import { preloadPage } from "./shell/pages.js";
import "./styles/tokens.css";
import "./styles/base.css";

preloadPage(window.location.pathname);
const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no #root");
createRoot(root).render(
  <StrictMode>
    <App signInCode={takeSignInCode()} />
  </StrictMode>,
);
