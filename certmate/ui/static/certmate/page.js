"use strict";
{
    // One menu is open at a time; Escape and a click beside it close it.
    const menus = () => document.querySelectorAll("details.menu[open]");
    document.addEventListener("click", (event) => {
        for (const menu of menus()) {
            if (!menu.contains(event.target)) {
                menu.open = false;
            }
        }
    });
    document.addEventListener("keydown", (event) => {
        if (event.key !== "Escape") {
            return;
        }
        for (const menu of menus()) {
            menu.open = false;
            menu.querySelector("summary").focus();
        }
    });

    // The clipboard needs https or localhost; elsewhere the buttons stay hidden.
    if (navigator.clipboard) {
        for (const button of document.querySelectorAll("button.copy")) {
            button.hidden = false;
            button.addEventListener("click", async () => {
                await navigator.clipboard.writeText(button.dataset.copy);
                button.classList.add("copied");
                button.setAttribute("aria-label", "Copied");
            });
        }
    }
}
