"use strict";
{
    // Asks every two seconds how far the batch is, until it has ended.
    const PERIOD = 2000;
    const PERIOD_AFTER_ERROR = 10000;
    const status = document.getElementById("batch-status");
    let shown = status.innerHTML;

    const ask = async () => {
        try {
            const response = await fetch(status.dataset.progress, {headers: {Accept: "application/json"}});
            if (!response.ok || response.redirected) {
                throw new Error(`HTTP ${response.status}`);
            }
            const news = await response.json();
            if (news.status !== shown) {
                shown = news.status;
                status.innerHTML = news.status;
            }
            if (news.open) {
                setTimeout(ask, PERIOD);
            } else {
                // Tables and buttons have changed too; an ended batch's page has no script.
                location.reload();
            }
        } catch {
            setTimeout(ask, PERIOD_AFTER_ERROR);
        }
    };
    setTimeout(ask, PERIOD);
}
