"use strict";
// Asks how the parts are, again and again while the page is looked at.
(() => {
  const list = document.getElementById("parts");
  const EVERY_MS = 4000;

  function show(name, said) {
    const item = list.querySelector(`[data-part="${name}"]`);
    if (!item) return;
    item.querySelector(".said").textContent = said;
    item.querySelector(".dot").className = `dot ${said.startsWith("ok") ? "good" : "bad"}`;
  }

  async function ask() {
    if (document.hidden) return;
    try {
      const response = await fetch(list.dataset.address, { cache: "no-store" });
      if (!response.ok) throw new Error(`HTTP ${response.status}`);
      show("web", "ok");
      for (const [name, said] of Object.entries(await response.json())) show(name, said);
    } catch (error) {
      show("web", "does not answer");
    }
  }

  ask();
  setInterval(ask, EVERY_MS);
  document.addEventListener("visibilitychange", ask);
})();
