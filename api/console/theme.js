"use strict";
// Before the first paint: the scheme somebody chose. Without a choice the system's holds.
{
  const chosen = localStorage.getItem("latentd-theme");
  if (chosen) document.documentElement.dataset.theme = chosen;
}
