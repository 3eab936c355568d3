// The page on which runs are played with: knobs on one side, the run that they make on the other. What a run is and how
// it is drawn, the engine decides: a request goes to it, and elements come back.
import { make } from "./elements.js";
import { server, workers } from "./engine.js";
import { knob } from "./knobs.js";
import { morph } from "./morph.js";
import {
  asLink, change, future, knobs, lessons, past, redo, set, start, state, textOf, undo, whenChanged,
} from "./state.js";
import { windows } from "./windows.js";

const $ = id => document.getElementById(id);

// ---- The engine: one request is answered at a time. Of the runs that are wanted only the last one waits; one that
// takes long is dropped as soon as there is another, and so is whatever else is wanted then.
const engine = document.body.dataset.engine === "worker" ? workers() : server();
const patience = 100; // ms
let running = null, waiting = null, errand = null;

// run asks for the run of the state.
function run() {
  waiting = { request: { settings: state.settings, pinned: state.pinned, want: "run" } };
  errand = null;
  if (!running) return begin();
  const old = running, left = patience - (performance.now() - old.began);
  setTimeout(() => {
    if (running !== old || !waiting) return;
    old.drop();
    begin();
  }, Math.max(0, left));
}
// also asks for something else of the state, and calls done with each response, or draws it.
function also(request, done) {
  errand = { request: { settings: state.settings, ...request }, done };
  if (!running) begin();
}
function begin() {
  const job = running = { ...(waiting || errand), began: performance.now() };
  if (waiting) waiting = null;
  else errand = null;
  busy();
  job.drop = engine.ask(job.request, response => {
    if (running !== job) return;
    $("progress").value = response.progress;
    if (response.problem) problem(response.problem);
    else if (job.done) job.done(response);
    else if (response.parts) draw(response, job.request);
  }, () => {
    if (running !== job) return;
    running = null;
    if (waiting || errand) begin();
    busy();
  });
}
function busy() {
  document.body.dataset.busy = Boolean(running);
  $("progress").classList.toggle("idle", !running);
  if (!running) $("progress").value = 0;
}

// ---- Drawing. What is the same stays where it is.
let parts = [], drawn = 0;
const html = new Map(); // what is drawn, by part

function draw(response, request) {
  problem(null);
  $("beginning").textContent = response.beginning ? "So far: " + response.beginning : "";
  if (request.want === "seeds") parts = parts.filter(p => p.id !== "account").toSpliced(1, 0, ...response.parts);
  else {
    parts = response.parts;
    if (!response.beginning) {
      document.body.dataset.hash = response.hash;
      $("command").textContent = response.command;
    }
  }
  const root = $("parts");
  for (const old of [...root.children]) if (!parts.some(p => p.id === old.id)) { old.remove(); html.delete(old.id); }
  let before = root.firstElementChild;
  for (const part of parts) {
    let element = html.has(part.id) ? $(part.id) : null;
    if (html.get(part.id) !== part.html) {
      const template = document.createElement("template");
      template.innerHTML = part.html;
      const fresh = template.content.firstElementChild;
      faultflow.prepare(fresh);
      if (element) morph(element, fresh);
      else element = fresh;
      html.set(part.id, part.html);
    }
    if (element === before) before = before.nextElementSibling;
    else root.insertBefore(element, before);
  }
  faultflow.redrawn();
  windows();
  if (!response.beginning) say(response.said);
  document.body.dataset.drawn = ++drawn;
}

let saying = 0;
function say(text) { // a slider that is dragged says only where it ends
  clearTimeout(saying);
  saying = setTimeout(() => { $("said").textContent = text; }, 500);
}

function problem(p) {
  $("problem").hidden = !p;
  $("problem").textContent = p ? p.text : "";
  document.querySelectorAll(".knob.wrong").forEach(e => e.classList.remove("wrong"));
  if (!p) return;
  $("beginning").textContent = "";
  const wrong = document.querySelectorAll('.knob[data-name="' + CSS.escape(p.setting) + '"]');
  wrong.forEach(e => e.classList.add("wrong"));
  document.body.dataset.drawn = ++drawn;
}

// ---- The rest of the page.
const controls = []; // each shows the state when it is called
function show() {
  controls.forEach(c => c());
  $("undo").disabled = !past.length;
  $("redo").disabled = !future.length;
  $("seed").value = textOf("seed");
  $("lesson").value = state.lesson;
  $("pin").setAttribute("aria-pressed", Boolean(state.pinned));
  $("pin").firstChild.data = state.pinned ? "Unpin " : "Pin ";
  question();
  document.querySelectorAll("#groups details").forEach(d => {
    const n = d.querySelectorAll(".knob.given").length;
    d.querySelector("summary small").textContent = n ? " " + n + " set" : "";
  });
}

let asked = null, front = [];
function question() {
  if (asked !== state.lesson) {
    asked = state.lesson;
    const lesson = lessons.get(asked);
    $("question").hidden = !lesson;
    front = [];
    if (lesson) {
      $("question-title").textContent = "Lesson: " + lesson.name.replaceAll("-", " ");
      const [text, about] = $("question").querySelectorAll("p");
      text.textContent = lesson.question || lesson.description;
      about.textContent = lesson.question ? lesson.description : "";
      const list = lesson.front.filter(n => knobs.has(n)).map(n => knob(knobs.get(n), front));
      $("question").querySelector(".front").replaceChildren(...list);
    }
  }
  front.forEach(c => c());
}

function otherSeed() { set("seed", [String(1 + Math.floor(Math.random() * 99999))]); }
function pin() { change({ pinned: state.pinned ? null : state.settings }); }
$("seed").addEventListener("change", () => set("seed", [$("seed").value.trim() || "1"]));
$("other-seed").addEventListener("click", otherSeed);
$("pin").addEventListener("click", pin);
$("undo").addEventListener("click", undo);
$("redo").addEventListener("click", redo);
$("many-seeds").addEventListener("click", () => also({ want: "seeds", runs: 200 }));
$("reset-all").addEventListener("click", () => {
  change({ settings: state.settings.filter(s => s.name === "seed"), lesson: "" });
});
$("lesson").addEventListener("change", () => {
  const lesson = lessons.get($("lesson").value);
  change(lesson ? { settings: lesson.settings, pinned: null, lesson: lesson.name } : { lesson: "" });
});
$("knobs").addEventListener("submit", e => e.preventDefault());

$("search").addEventListener("input", () => {
  const words = $("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  let found = 0;
  document.querySelectorAll("#groups details").forEach(d => {
    let own = 0;
    d.querySelectorAll(".knob").forEach(box => {
      const texts = [d.querySelector("summary"), box.querySelector("label, .label"), box.querySelector("small[id]")];
      const text = [box.dataset.name, ...texts.map(e => e.textContent)].join(" ").toLowerCase();
      box.hidden = !words.every(w => text.includes(w));
      if (!box.hidden) own++;
    });
    d.hidden = !own;
    if (words.length) d.open = own > 0;
    found += own;
  });
  $("found").textContent = words.length ? found + (found === 1 ? " knob" : " knobs") : "";
});

addEventListener("keydown", e => {
  const typing = e.target.closest("select, textarea, input:not([type=range]):not([type=checkbox])");
  if (typing || e.altKey) return;
  const key = e.key.toLowerCase();
  let act = null;
  if (e.ctrlKey || e.metaKey) act = { z: e.shiftKey ? redo : undo, y: redo }[key];
  else if ($("keys").checked && !e.shiftKey) act = { s: otherSeed, p: pin, "/": () => $("search").focus() }[key];
  else if ($("keys").checked && key === "/") act = () => $("search").focus();
  if (!act) return;
  e.preventDefault();
  act();
});

// What is taken along: text to the clipboard, reports as files.
async function copy(text) {
  $("copied").value = text;
  $("copied").hidden = false;
  try {
    await navigator.clipboard.writeText(text);
    $("taken").textContent = "Copied.";
  } catch {
    $("taken").textContent = "This browser does not let the page copy. Here it is:";
    $("copied").select();
  }
}
const want = (what, done) => also({ want: what, name: state.lesson || "played" }, r => {
  if (r.document !== undefined) done(r.document);
});
$("take").addEventListener("click", e => {
  const what = e.target.dataset;
  if (what.copy === "command") copy($("command").textContent);
  if (what.copy === "link") copy(location.href.replace(/#.*/, "") + asLink());
  if (what.copy === "scenario") want("scenario", copy);
  if (what.save) want(what.save, text => {
    const type = what.save === "json" ? "application/json" : "text/html";
    const url = URL.createObjectURL(new Blob([text], { type }));
    make("a", { href: url, download: "faultflow-report." + what.save }).click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
    $("taken").textContent = "Saved as faultflow-report." + what.save + ".";
  });
});

$("version").textContent = "Version " + start.version + ".";
$("lesson").append(make("option", { value: "" }, "none: a run of your own"));
for (const group of new Set(start.lessons.map(l => l.group))) {
  const list = start.lessons.filter(l => l.group === group);
  const option = l => make("option", { value: l.name }, l.name.replaceAll("-", " "));
  $("lesson").append(make("optgroup", { label: group }, ...list.map(option)));
}
for (const group of start.groups) {
  const details = make("details", {}, make("summary", {}, group.title, make("small")));
  details.append(...group.knobs.map(k => knob(k, controls)));
  $("groups").append(details);
}
const linked = location.hash.length > 1;
show();
document.querySelectorAll("#groups details").forEach(d => { d.open = d.querySelector(".knob.given") !== null; });
whenChanged(() => {
  show();
  run();
});
if (linked) run();
else if (start.response.problem) problem(start.response.problem);
else draw(start.response, { want: "run" });
busy();
