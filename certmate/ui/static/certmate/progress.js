"use strict";
{
    // Asks every second how far the object of the page is, until it has ended.
    const PERIOD = 1000;
    const PERIOD_AFTER_ERROR = 5000;
    const status = document.querySelector("[data-progress]");
    // A list that only grows: its last line says what is known already.
    const log = document.querySelector("[data-progress-log]");
    let shown = status.innerHTML;

    const grow = (lines) => {
        const atEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 8;
        log.insertAdjacentHTML("beforeend", lines);
        if (atEnd) {
            log.scrollTop = log.scrollHeight;
        }
    };

    const address = () => {
        const url = new URL(status.dataset.progress, location.href);
        if (log) {
            const last = log.querySelector("li:last-of-type");
            url.searchParams.set("after", last ? last.dataset.id : "0");
        }
        return url;
    };

    const ask = async () => {
        try {
            const response = await fetch(address(), {headers: {Accept: "application/json"}});
            if (!response.ok || response.redirected) {
                throw new Error(`HTTP ${response.status}`);
            }
            const news = await response.json();
            if (news.status !== shown) {
                shown = news.status;
                status.innerHTML = news.status;
            }
            if (log && news.log.trim()) {
                grow(news.log);
            }
            if (news.open) {
                setTimeout(ask, PERIOD);
            } else {
                // The rest of the page has changed too; that of what has ended has no script.
                location.reload();
            }
        } catch {
            setTimeout(ask, PERIOD_AFTER_ERROR);
        }
    };
    setTimeout(ask, PERIOD);
}
