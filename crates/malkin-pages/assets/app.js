// What every page has: keys, theme, copy buttons, questions before something is deleted, uploads with progress. Pages work without.
const root = document.documentElement;
const stored = (name) => { try { return localStorage.getItem(name); } catch { return null; } };
const store = (name, value) => { try { localStorage.setItem(name, value); } catch { /* private mode */ } };

// Theme
const theme = stored("theme");
if (theme) root.dataset.theme = theme;
const chooser = document.getElementById("theme");
if (chooser) {
  chooser.value = theme ?? "";
  chooser.addEventListener("change", () => {
    store("theme", chooser.value);
    if (chooser.value) root.dataset.theme = chooser.value; else delete root.dataset.theme;
  });
}
const keysBox = document.getElementById("keys");
if (keysBox) {
  keysBox.checked = stored("keys") !== "off";
  keysBox.addEventListener("change", () => store("keys", keysBox.checked ? "on" : "off"));
}

// Copy
async function copy(button, text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  const before = button.textContent;
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = before; }, 1200);
}
document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.copy !== undefined) copy(button, button.dataset.copy);
  if (button.dataset.copyFrom) copy(button, document.getElementById(button.dataset.copyFrom).textContent);
  if (button.dataset.confirm && !confirm(button.dataset.confirm)) event.preventDefault();
});

// Uploads: dropped files, progress, and the address the server names afterwards
const drop = document.getElementById("drop");
if (drop) {
  const file = document.getElementById("file");
  const status = drop.querySelector("[data-status]");
  const bar = drop.querySelector("progress");
  for (const kind of ["dragenter", "dragover"]) drop.addEventListener(kind, (event) => { event.preventDefault(); drop.classList.add("over"); });
  for (const kind of ["dragleave", "drop"]) drop.addEventListener(kind, () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files.length > 0) {
      file.files = event.dataTransfer.files;
      status.textContent = `${file.files[0].name} is chosen. Press Start.`;
    }
  });
  drop.addEventListener("submit", (event) => {
    event.preventDefault();
    const request = new XMLHttpRequest();
    const form = new FormData(drop);
    request.open("POST", drop.action);
    request.setRequestHeader("accept", "application/json");
    bar.classList.remove("hidden");
    const button = drop.querySelector("button");
    button.disabled = true;
    status.textContent = "Sending.";
    request.upload.addEventListener("progress", (sent) => {
      if (!sent.lengthComputable) return;
      bar.value = 100 * sent.loaded / sent.total;
      if (sent.loaded === sent.total) status.textContent = "Sent. The server is working on it.";
    });
    request.addEventListener("load", () => {
      button.disabled = false;
      bar.classList.add("hidden");
      let answer = {};
      try { answer = JSON.parse(request.responseText); } catch { /* not JSON */ }
      if (typeof answer.location === "string" && answer.location.startsWith("/ui/")) location.assign(answer.location);
      else status.textContent = answer.message ?? `The server answered ${request.status}.`;
    });
    request.addEventListener("error", () => {
      button.disabled = false;
      bar.classList.add("hidden");
      status.textContent = "The server cannot be reached.";
    });
    request.send(form);
  });
}

// Keys
const HELP = [
  ["/", "Search"], ["j, k", "Next and previous row"], ["Enter", "Open the row"], ["Backspace", "Up"], ["g", "Graph"],
  ["t", "Listing"], ["n, p", "Next and previous page"], ["f", "Filters"], ["?", "This help"],
];
function help() {
  const dialog = document.createElement("dialog");
  const title = document.createElement("h2");
  title.textContent = "Keys";
  const list = document.createElement("dl");
  list.className = "facts";
  for (const [key, what] of HELP) {
    const term = document.createElement("dt");
    const cap = document.createElement("kbd");
    cap.textContent = key;
    term.append(cap);
    const text = document.createElement("dd");
    text.textContent = what;
    list.append(term, text);
  }
  const close = document.createElement("button");
  close.textContent = "Close";
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  dialog.append(title, list, close);
  document.body.append(dialog);
  dialog.showModal();
}
function row(step) {
  const rows = [...document.querySelectorAll("main tbody tr")].filter((one) => one.querySelector("a") && one.offsetParent);
  if (rows.length === 0) return;
  const at = rows.findIndex((one) => one.classList.contains("here"));
  const next = rows[Math.min(Math.max(at + step, 0), rows.length - 1)];
  rows[at]?.classList.remove("here");
  next.classList.add("here");
  next.scrollIntoView({ block: "nearest" });
  next.querySelector("a").focus({ preventScroll: true });
}
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || stored("keys") === "off") return;
  if (event.target.closest("input, select, textarea, dialog, canvas")) return;
  const go = (element) => { if (element) { event.preventDefault(); element.scrollIntoView(); element.focus?.(); } };
  switch (event.key) {
    case "/": event.preventDefault(); document.getElementById("find")?.focus(); break;
    case "j": row(1); break;
    case "k": row(-1); break;
    case "n": document.querySelector("a[rel=next]")?.click(); break;
    case "p": document.querySelector("a[rel=prev]")?.click(); break;
    case "Backspace": document.querySelector(".crumbs a")?.click(); break;
    case "g": go(document.getElementById("picture")); break;
    case "t": go(document.getElementById("listing")); break;
    case "f": go(document.querySelector("#filters input")); break;
    case "?": help(); break;
    default: return;
  }
});
