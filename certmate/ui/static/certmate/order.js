"use strict";
{
    // Asks every second what is new about the order, until it has ended.
    const PERIOD = 1000;
    const PERIOD_AFTER_ERROR = 5000;
    const status = document.getElementById("order-status");
    const log = document.getElementById("order-log");
    let shown = status.innerHTML;

    const show = (news) => {
        if (news.status !== shown) {
            shown = news.status;
            status.innerHTML = news.status;
        }
        if (news.log.trim()) {
            const atEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 8;
            log.insertAdjacentHTML("beforeend", news.log);
            if (atEnd) {
                log.scrollTop = log.scrollHeight;
            }
        }
    };

    const ask = async () => {
        const last = log.querySelector("li:last-of-type");
        const url = new URL(status.dataset.progress, location.href);
        url.searchParams.set("after", last ? last.dataset.id : "0");
        try {
            const response = await fetch(url, {headers: {Accept: "application/json"}});
            if (!response.ok || response.redirected) {
                throw new Error(`HTTP ${response.status}`);
            }
            const news = await response.json();
            show(news);
            if (news.open) {
                setTimeout(ask, PERIOD);
            } else {
                // The facts beside the steps have changed too; an ended order's page has no script.
                location.reload();
            }
        } catch {
            setTimeout(ask, PERIOD_AFTER_ERROR);
        }
    };
    setTimeout(ask, PERIOD);
}
