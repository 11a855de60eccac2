/* The filter of the claims ledger. Without this script the page is the plain, full list. */
(function () {
  "use strict";

  function start() {
    var place = document.querySelector(".ledger-filter");
    if (!place) return;

    // A claim is a section whose target is #claim-..; its row stands in the table after the filter.
    var claims = Array.from(document.querySelectorAll('span[id^="claim-"]')).map(function (target) {
      var section = target.closest("section");
      var row = document.querySelector('table a[href="#' + target.id + '"]');
      var verdict = section.querySelector("p strong");
      return {
        section: section,
        row: row && row.closest("tr"),
        verdict: verdict ? verdict.textContent.trim() : "",
        source: target.id.split("-")[1].toUpperCase(),
        words: section.textContent.toLowerCase(),
      };
    });
    if (!claims.length) return;

    function values(key) {
      return Array.from(new Set(claims.map(function (claim) { return claim[key]; }))).sort();
    }

    function field(name, label, control) {
      var box = document.createElement("label");
      box.className = "ledger-field";
      box.append(label, control);
      control.name = name;
      return box;
    }

    function choice(name, label, all) {
      var control = document.createElement("select");
      control.append(new Option(all, ""));
      values(name).forEach(function (value) { control.append(new Option(value, value)); });
      return field(name, label, control);
    }

    var form = document.createElement("form");
    var words = document.createElement("input");
    var reset = document.createElement("button");
    var count = document.createElement("p");
    form.className = "ledger-form";
    form.setAttribute("aria-label", "Filter the claims");
    words.type = "search";
    words.autocomplete = "off";
    reset.type = "reset";
    reset.textContent = "Show all";
    count.setAttribute("role", "status");
    form.append(
      choice("verdict", "Verdict", "all verdicts"),
      choice("source", "Source", "all sources"),
      field("words", "Words", words),
      reset,
      count
    );

    function apply() {
      var verdict = form.elements.verdict.value;
      var source = form.elements.source.value;
      var wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
      var shown = 0;
      claims.forEach(function (claim) {
        var match =
          (!verdict || claim.verdict === verdict) &&
          (!source || claim.source === source) &&
          wanted.every(function (word) { return claim.words.includes(word); });
        claim.section.hidden = !match;
        if (claim.row) claim.row.hidden = !match;
        if (match) shown += 1;
      });
      count.textContent = shown + " of " + claims.length + " claims shown";
    }

    // A link to a hidden claim shows it.
    function reveal() {
      var target = location.hash && document.getElementById(location.hash.slice(1));
      var section = target && target.closest("section");
      if (section && section.hidden) {
        form.reset();
        setTimeout(function () { target.scrollIntoView(); });
      }
    }

    form.addEventListener("input", apply);
    form.addEventListener("submit", function (event) { event.preventDefault(); });
    form.addEventListener("reset", function () { setTimeout(apply); });
    window.addEventListener("hashchange", reveal);
    place.replaceChildren(form);
    apply();
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
