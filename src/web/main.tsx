/** Shows the dashboard. */
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app.js";
import { takeSignInCode } from "./session/sign-in-code.js";
import "./styles/tokens.css";
import "./styles/base.css";

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no #root");
createRoot(root).render(
  <StrictMode>
    <App signInCode={takeSignInCode()} />
  </StrictMode>,
);
