// What the page does by itself: filter while typing, states as they change, logs as they come. Without it the page works, too.
"use strict";

const filter = document.getElementById("filter");
const rows = [...document.querySelectorAll("#units tbody tr")];

function applyFilter() {
  const words = filter.value.toLowerCase().split(/\s+/);
  let shown = 0;
  for (const row of rows) {
    row.hidden = !words.every((word) => row.textContent.toLowerCase().includes(word));
    shown += row.hidden ? 0 : 1;
  }
  const count = document.getElementById("count");
  count.textContent = count.textContent.replace(/^\d+/, String(shown));
}

function moment(usec) {
  return new Date(usec / 1000).toISOString().slice(0, 19).replace("T", " ");
}

function showState(event) {
  for (const place of document.querySelectorAll("[data-unit]")) {
    if (place.dataset.unit !== event.unit) continue;
    const state = place.querySelector(".state");
    state.className = "state " + event.active;
    state.textContent = event.active;
    place.querySelector(".sub").textContent = event.sub;
    const since = place.querySelector(".since");
    if (since && event.since) since.textContent = moment(event.since);
  }
}

function showLine(log, line) {
  const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 30;
  const time = document.createElement("span");
  time.className = "time";
  time.textContent = moment(line.at) + " " + line.from + (line.pid ? "[" + line.pid + "]" : "") + ": ";
  const text = document.createElement("span");
  text.className = "p" + line.priority;
  text.textContent = line.message + "\n";
  log.append(time, text);
  while (log.childNodes.length > 4000) log.firstChild.remove();
  if (isAtEnd) log.scrollTop = log.scrollHeight;
}

if (filter) {
  filter.addEventListener("input", applyFilter);
  document.getElementById("state").addEventListener("change", (event) => event.target.form.submit());
}
const log = document.getElementById("log");
let sources = [];

// A browser has few connections for each site: pages that nobody sees give theirs back.
function listen() {
  sources.forEach((source) => source.close());
  sources = [];
  if (document.hidden) return;
  if (document.querySelector("[data-unit]")) {
    const source = new EventSource("/api/events");
    source.onmessage = (message) => {
      const event = JSON.parse(message.data);
      if (event.event === "unit") showState(event);
    };
    sources.push(source);
  }
  if (log) {
    const source = new EventSource(log.dataset.source);
    source.onopen = () => log.replaceChildren();
    source.onmessage = (message) => showLine(log, JSON.parse(message.data));
    sources.push(source);
  }
}
document.addEventListener("visibilitychange", listen);
listen();
