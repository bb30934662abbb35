/* The browser's own print dialogue, from the page's button. */
"use strict";
document.addEventListener("click", (event) => {
    if (event.target.closest("[data-print]")) window.print();
});
