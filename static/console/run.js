"use strict";
// Follows one run. Everything that a model or tool wrote is set as text, never as HTML.
(() => {
  const run = document.getElementById("run");
  const by = (id) => document.getElementById(id);
  const ENDED = new Set(["COMPLETED", "FAILED", "CANCELLED", "TIMEOUT"]);
  const STEP_ENDED = new Set(["succeeded", "failed", "skipped", "cancelled"]);
  const EVENTS_SHOWN = 500;
  const REFRESH_MS = 250;
  const NAMES = JSON.parse(run.dataset.names);
  let startedAt = null;
  let completedAt = null;
  let refreshing = null;
  let asked = 0;
  let shown = 0;

  function element(tag, text, className) {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    return made;
  }

  function seconds(from, to) {
    if (!from) return "";
    return `${Math.max(0, ((to ? new Date(to) : new Date()) - new Date(from)) / 1000).toFixed(1)} s`;
  }

  function stepCost(step) {
    if (!STEP_ENDED.has(step.status)) return "";
    return step.cost_usd === null ? "unknown" : Number(step.cost_usd).toFixed(5);
  }

  function stepRow(step) {
    const row = element("tr");
    row.append(
      element("td", step.key, "mono"), element("td", step.title), element("td"), element("td", step.depends_on.join(", "), "mono quiet"),
      element("td", step.tokens ? step.tokens.toLocaleString() : "", "number"), element("td", stepCost(step), "number"),
      element("td", seconds(step.started_at, step.completed_at), "number"),
    );
    const status = element("span", step.status, `badge ${step.status}`);
    if (step.error) status.title = step.error;
    row.children[2].append(status);
    if (step.attempt > 1) row.children[2].append(element("span", ` attempt ${step.attempt}`, "quiet"));
    return row;
  }

  function waitRow(wait) {
    const row = element("li");
    const link = element("a", wait.message);
    link.href = wait.address;
    row.append(link, element("span", ` ${wait.step_key} until ${wait.expires_at.slice(11, 19)} `, "quiet"));
    row.append(element("pre", JSON.stringify(wait.subject, null, 2), "answer"));
    return row;
  }

  function show(state) {
    startedAt = state.started_at;
    completedAt = state.completed_at;
    by("status").textContent = state.status;
    by("status").className = `badge ${state.status.toLowerCase()}`;
    by("tokens").textContent = state.tokens.toLocaleString();
    by("cost").textContent = `$${Number(state.cost_usd).toFixed(5)}`;
    by("model-calls").textContent = state.model_calls;
    by("tool-calls").textContent = state.tool_calls;
    by("steps-done").textContent = `${state.steps.filter((step) => STEP_ENDED.has(step.status)).length} / ${state.steps.length}`;
    by("steps").replaceChildren(...state.steps.map(stepRow));
    by("waits-section").hidden = state.waits_for.length === 0;
    by("waits").replaceChildren(...state.waits_for.map(waitRow));
    const text = state.error || state.result;
    if (ENDED.has(state.status) && text !== null) {
      by("answer-section").hidden = false;
      by("answer-title").textContent = state.error ? "What went wrong" : "Answer";
      by("answer").textContent = text;
      by("writing-section").hidden = true;
    }
    window.story.conclude(state.metadata);
    showFeedback(state);
  }

  function saidRow(said) {
    const row = element("li");
    row.append(
      element("span", said.rating, `badge ${said.rating === "good" ? "succeeded" : "failed"}`), element("span", said.score.toFixed(2), "number"),
      element("span", said.comment), element("span", said.by, "quiet"),
    );
    return row;
  }

  function showFeedback(state) {
    const { score, said } = state.feedback;
    by("judge").hidden = state.status !== "COMPLETED";
    by("judged").textContent = score === null ? "nobody has said anything yet" : `${score.toFixed(2)} of 1 by ${said.length}`;
    by("said").replaceChildren(...said.map(saidRow));
  }

  // Returns what is wrong with an answer, in words, or null. A session that is over is sent on to the login's page.
  async function problemOf(response) {
    if (response.redirected) return "You are signed out. Sign in again and open this page anew; copy first what you wrote.";
    if (response.ok) return null;
    const isJson = response.headers.get("Content-Type")?.includes("json");
    return isJson ? (await response.json()).error.message : `The server said ${response.status}.`;
  }

  async function answerOf(address, options) {
    try {
      const response = await fetch(address, options);
      return { response, problem: await problemOf(response) };
    } catch (error) {
      return { response: null, problem: "The server does not answer." };
    }
  }

  async function judge(rating) {
    const said = new URLSearchParams({ rating, comment: by("judge-comment").value, score: by("judge-score").value });
    const { problem } = await answerOf(run.dataset.feedback, { method: "POST", body: said, headers: { "X-CSRFToken": run.dataset.token } });
    by("judge-problem").hidden = problem === null;
    by("judge-problem").textContent = problem || "";
    if (problem !== null) return;
    by("judge-comment").value = "";
    by("judge-score").value = "";
    await refresh();
  }

  // Several may be under way, and end in another order: what was overtaken says how things were, and is not shown.
  async function refresh() {
    refreshing = null;
    asked += 1;
    const number = asked;
    const { response, problem } = await answerOf(run.dataset.state, { cache: "no-store" });
    const state = problem === null ? await response.json() : null;
    if (number < shown) return;
    shown = number;
    by("problem").hidden = problem === null;
    by("problem").textContent = problem || "";
    if (state !== null) show(state);
  }

  function refreshSoon() {
    if (refreshing === null) refreshing = setTimeout(refresh, REFRESH_MS);
  }

  function addEvent(message) {
    const event = JSON.parse(message.data);
    const line = element("li");
    line.append(
      element("time", event.timestamp.slice(11, 19)), element("b", event.type), element("span", event.step_key || "", "mono quiet"),
      element("span", event.response || event.message),
    );
    const list = by("events");
    list.prepend(line);
    window.story.tell(event);
    while (list.children.length > EVENTS_SHOWN) list.lastChild.remove();
    refreshSoon();
  }

  function addDelta(message) {
    const delta = JSON.parse(message.data);
    if (by("writing-who").textContent !== delta.step_key) {
      by("writing-who").textContent = delta.step_key;
      by("writing").textContent = "";
    }
    by("writing-section").hidden = false;
    by("writing").textContent += delta.delta;
  }

  for (const button of by("judge").querySelectorAll("button")) {
    button.addEventListener("click", () => judge(button.dataset.rating));
  }

  const source = new EventSource(run.dataset.stream);
  source.onopen = () => { by("connection").textContent = "live"; };
  source.addEventListener("error", (message) => {
    if (message.data) { addEvent(message); return; } // the platform's own error event; without data, the connection's
    by("connection").textContent = source.readyState === EventSource.CLOSED ? "disconnected" : "connecting again…";
  });
  source.addEventListener("done", () => {
    source.close();
    by("connection").textContent = "complete";
    refresh();
  });
  source.addEventListener("thread.message.delta", addDelta);
  for (const name of NAMES) source.addEventListener(name, addEvent);
  setInterval(() => { if (startedAt) by("time").textContent = seconds(startedAt, completedAt); }, 200);
  refresh();
})();
