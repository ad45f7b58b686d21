// Filters the index by words; all of them must be in a row. Without this script the index is whole.
(function () {
  "use strict";
  var field = document.getElementById("search");
  if (!field) return;
  var rows = Array.prototype.slice.call(document.querySelectorAll("ul.index li"));
  var lists = Array.prototype.slice.call(document.querySelectorAll("section.index"));
  var none = document.getElementById("none");
  function filter() {
    var words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    rows.forEach(function (row) {
      var text = row.textContent.toLowerCase() + " " + (row.dataset.words || "");
      row.hidden = !words.every(function (word) { return text.indexOf(word) >= 0; });
    });
    lists.forEach(function (list) { list.hidden = !list.querySelector("li:not([hidden])"); });
    none.hidden = rows.some(function (row) { return !row.hidden; });
  }
  field.addEventListener("input", filter);
  field.focus();
  filter();
})();
