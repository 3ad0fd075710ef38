// The live page: puts the choice, the source and the board together, and says in words what there is to see.

import { Board } from "./board.js";
import { Choice } from "./choice.js";
import { ago, auditWords, boardTitle, campaignName, clockTime, count, keyOf, metricName, metricWords } from "./format.js";
import { Outlook } from "./outlook.js";
import { Source } from "./source.js";

const HANDLES_EVERY = 60_000;
const OUTLOOK_EVERY = 60_000;

const byId = (id) => document.getElementById(id);

const CONNECTION = {
  connecting: "Connecting",
  live: "Live",
  polled: "Refreshed every few seconds",
  reconnecting: "Reconnecting",
  stale: "Not live: what you see is old",
};

const board = new Board(byId("board"), byId("more"));
const choice = new Choice(byId("campaign"), byId("metric"), chosen);
const ahead = new Outlook(byId("outlook"));
const source = new Source({ list, leaderboard, withdrawn, connection });

let there = null; // keys of the leaderboards there are; null: not known yet
let shown = null; // the leaderboard shown

setInterval(tick, 1_000);
setInterval(handles, HANDLES_EVERY);
setInterval(outlook, OUTLOOK_EVERY);
handles();
outlook();
if (choice.made) chosen();
source.list();

function list({ campaigns, metrics, audit, leaderboards }) {
  byId("overall").hidden = leaderboards.length === 0;
  byId("overall").textContent = auditWords("All boards", audit);
  there = new Set(leaderboards.map(keyOf));
  choice.offer(campaigns, metrics);
  if (choice.made) follow();
  if (shown && !there.has(keyOf(shown))) {
    withdrawn(); // while we were not connected
    source.connect();
  }
  explain();
}

function chosen() {
  shown = null;
  board.clear();
  follow();
  explain();
}

function follow() {
  const title = boardTitle(choice);
  byId("title").textContent = title;
  document.title = `${metricName(choice.metric)} · ${campaignName(choice.campaign)} · Top Tweets`;
  source.follow(choice.campaign, choice.metric);
}

function leaderboard(newest) {
  if (keyOf(newest) !== keyOf(choice)) return;
  shown = newest;
  there?.add(keyOf(newest));
  board.show(newest, source.now());
  tick();
  explain();
}

function withdrawn() {
  there?.delete(keyOf(choice));
  shown = null;
  board.clear();
  tick();
  explain();
}

function connection(state) {
  byId("connection").dataset.state = state;
  byId("connection").textContent = CONNECTION[state];
  explain();
}

function tick() {
  board.tick(source.now());
  byId("facts").textContent = shown ? facts() : "";
  byId("audit").hidden = !shown?.entries.length;
  byId("audit").textContent = shown ? auditWords("The campaign's boards", shown.audit) : "";
}

function facts() {
  const asOf = Date.parse(shown.as_of);
  const posts = shown.tracked_posts === 1 ? "1 Post tracked" : `${count(shown.tracked_posts)} Posts tracked`;
  return `${posts} · as of ${clockTime(asOf)}, ${ago(asOf, source.now())}`;
}

/** Accounts asked for with their own tokens this month: those beyond the contract's number are billed. */
async function handles() {
  if (document.hidden) return;
  try {
    const { used, limit, warning, month } = await (await source.get("api/handles")).json();
    const line = byId("handles");
    line.hidden = used === 0 && limit === null;
    line.dataset.warning = warning;
    const of = limit === null ? "" : ` of ${count(limit)}`;
    line.textContent = `${warning ? "⚠ " : ""}${count(used)}${of} accounts asked for in ${month}`;
  } catch {
    // The worker cannot be reached: the page says so already.
  }
}

/** What more or less of the contract would give. */
async function outlook() {
  if (document.hidden) return;
  try {
    ahead.show(await (await source.get("api/outlook")).json(), source.now());
  } catch {
    // The worker cannot be reached: the page says so already.
  }
}

/** Where there are no rows, say why, and what will happen. */
function explain() {
  const [head, rest] = reason() ?? [];
  byId("empty").hidden = head === undefined;
  if (head === undefined) return;
  byId("empty").firstElementChild.textContent = head;
  byId("empty").lastElementChild.textContent = rest;
}

function reason() {
  if (shown) return shown.entries.length ? null : nobody();
  if (there === null) {
    return source.state === "connecting" ? null : ["The worker cannot be reached.", "This page keeps trying."];
  }
  if (there.size === 0) {
    return [
      "There are no leaderboards yet.",
      "They appear here by themselves as soon as the first Posts have been measured.",
    ];
  }
  if (there.has(keyOf(choice))) return null; // on its way
  return [
    `There is no leaderboard of ${metricWords(choice.metric)} for “${campaignName(choice.campaign)}”.`,
    "It appears here by itself once its Posts arrive. Until then, choose another one above.",
  ];
}

function nobody() {
  const tracked = shown.tracked_posts;
  const posts = tracked === 1 ? "1 Post is" : `${count(tracked)} Posts are`;
  return [
    "Nobody is on this leaderboard yet.",
    tracked
      ? `${posts} tracked, and none has a count of ${metricWords(choice.metric)} so far.`
      : "The first Post that is measured takes the first place.",
  ];
}
