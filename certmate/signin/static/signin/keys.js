"use strict";
{
    // A form with data-key asks the browser for a security key before it is sent.
    const ways = {create: webauthnJSON.create, get: webauthnJSON.get};
    for (const form of document.querySelectorAll("form[data-key]")) {
        form.addEventListener("submit", async (event) => {
            event.preventDefault();
            const trouble = document.querySelector("[data-key-trouble]");
            trouble.hidden = true;
            try {
                const credential = await ways[form.dataset.key](JSON.parse(form.dataset.options));
                form.elements.credential.value = JSON.stringify(credential);
                form.submit();
            } catch {
                trouble.hidden = false;
            }
        });
    }
}
