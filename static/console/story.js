"use strict";
// What a run did, in the words of its events: how it was chosen, who joined, who told whom what, how far it is.
// Everything that a model or a person wrote is set as text, never as HTML.
window.story = (() => {
  const by = (id) => document.getElementById(id);
  const TOLD = new Set([
    "WORKFLOW_STARTED", "PROGRESS", "LEAD_DECISION", "TEAM_RECRUITED", "TEAM_STATUS", "MESSAGE_SENT", "MESSAGE_RECEIVED", "WORKSPACE_UPDATED",
    "HITL_RESPONSE", "BUDGET_THRESHOLD", "ERROR_RECOVERY", "RESEARCH_PLAN_READY", "RESEARCH_PLAN_UPDATED", "RESEARCH_PLAN_APPROVED",
    "REVIEW_USER_FEEDBACK", "APPROVAL_REQUESTED", "APPROVAL_DECISION", "STATUS_UPDATE", "USER_FEEDBACK",
  ]);

  function element(tag, text, className) {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    return made;
  }

  // Returns [who, what] of an event.
  function words(event) {
    const told = event.payload || {};
    switch (event.type) {
      case "WORKFLOW_STARTED": return ["router", `${told.strategy}: ${(told.route?.reasons || []).join("; ")}`];
      case "MESSAGE_SENT": return [`${told.from} → ${told.to}`, told.text];
      case "MESSAGE_RECEIVED": return [`${told.from} → ${told.to}`, event.message];
      case "HITL_RESPONSE": return [`${told.by} → ${told.to || "all"}`, told.message];
      case "TEAM_RECRUITED": return ["lead", `${told.agent} joins as ${told.role}`];
      case "USER_FEEDBACK": return [told.by, event.message];
      default: return [event.agent_id || event.step_key || event.type.toLowerCase().replaceAll("_", " "), event.message];
    }
  }

  // Returns lines that say more of what an event is about.
  function details(told) {
    const pairs = (values) => Object.entries(values || {}).map(([name, value]) => `${name}: ${[value].flat().join(" · ")}`);
    return [
      ...pairs(told.positions), ...pairs(told.points), ...pairs(told.queries), ...(told.issues || []),
      ...(told.refused || []).map((reason) => `refused: ${reason}`),
    ].map(String).slice(0, 12);
  }

  function line(event) {
    const made = element("li");
    const [who, what] = words(event);
    const body = element("div", what);
    const more = details(event.payload || {});
    if (more.length) {
      const list = element("ul");
      list.append(...more.map((text) => element("li", text)));
      body.append(list);
    }
    made.append(element("time", event.timestamp.slice(11, 19)), element("b", who), body);
    return made;
  }

  function taskRow(task) {
    const row = element("tr");
    const status = element("td");
    status.append(element("span", task.status, `badge ${{ done: "succeeded", open: "running" }[task.status] || task.status}`));
    row.append(element("td", task.id, "mono"), element("td", task.title), element("td", task.owner), element("td", task.role, "quiet"), status);
    return row;
  }

  function tell(event) {
    if (event.type === "TASKLIST_UPDATED") {
      by("tasklist-section").hidden = false;
      by("tasklist").replaceChildren(...(event.payload?.tasks || []).map(taskRow));
    }
    if (!TOLD.has(event.type)) return;
    by("story-section").hidden = false;
    by("story").append(line(event));
  }

  function sourceRow(source) {
    const row = element("li");
    const link = element("a", source.title || source.url);
    if (/^https?:\/\//.test(source.url)) { link.href = source.url; link.rel = "noopener noreferrer"; }
    row.append(link, element("span", ` ${source.url}`, "quiet"), element("span", ` trust ${source.credibility_score}`, "quiet number"));
    return row;
  }

  function claimRow(claim) {
    const row = element("tr");
    const verdict = element("td");
    const said = claim.is_checked === false ? "not checked" : claim.verdict;
    verdict.append(element("span", said, `badge ${{ supported: "succeeded", unsupported: "failed" }[claim.verdict] || "skipped"}`));
    row.append(verdict, element("td", claim.claim), element("td", `[${claim.source}]`, "number"), element("td", claim.sentence, "quiet"));
    return row;
  }

  function conclude(metadata) {
    const sources = metadata.citations || [];
    const claims = metadata.claims || [];
    by("sources-section").hidden = sources.length === 0;
    by("sources").replaceChildren(...sources.map(sourceRow));
    by("claims-table").hidden = claims.length === 0;
    by("claims").replaceChildren(...claims.map(claimRow));
  }

  return { tell, conclude };
})();
