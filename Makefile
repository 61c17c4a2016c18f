# `make run` serves CertMate from this directory; `make help` lists the rest.
# PYTHON=/path/to/python3.11 names another interpreter, PORT=8080 another port.

SHELL = /bin/sh
PY = .venv/bin/python
# `exec`: a stop of make then reaches the program itself and not a shell before it.
INSTALL = exec .ci/install
COMPILE = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header --no-annotate --no-strip-extras $(if $(UPGRADE),--upgrade)

# What demonstrations need, and what the tests need besides.
SERVERS = pebble bind9
REFEREES = bind9-dnsutils chromium default-jre-headless gnutls-bin knot libldap-dev libnss3-tools libsasl2-dev \
	nginx-light openssl pdns-server pdns-backend-sqlite3 postgresql procps slapd softhsm2

# One more than there are cores, because many tests wait for servers; who has nothing left to do takes
# tests from another.
SPREAD = -q -n $(shell expr `nproc` + 1) --dist worksteal

.PHONY: help run demo test check bench fuzz format requirements
.NOTPARALLEL:

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' Makefile

run: ## install, migrate and serve on http://127.0.0.1:8000/ (PORT=… for another port)
	@$(INSTALL) base dns
	@exec $(PY) manage.py bootstrap
	@exec $(PY) manage.py serve

demo: ## issue, renew and revoke a real certificate with a CA and a name server on this machine
	@exec .ci/packages $(SERVERS)
	@$(INSTALL) base dns
	@exec $(PY) -m tests.demo

test: ## install what the tests need, then run all checks and tests (ARGS=… goes to pytest alone)
	@exec .ci/packages $(SERVERS) $(REFEREES)
	@$(INSTALL) base dns dev $$(test -e /usr/include/ldap.h && echo ldap)
	@exec .ci/check
	@exec $(PY) -m pytest $(if $(ARGS),$(ARGS),$(SPREAD))
	@$(if $(ARGS),:,exec $(PY) -m tests.on_postgresql $(SPREAD))

check: ## format, lint, types, import contracts, migrations, deployment check
	@$(INSTALL) base dns dev
	@exec .ci/check

bench: ## measure what docs/operations.md promises
	@exec .ci/packages $(SERVERS)
	@$(INSTALL) base dns dev
	@exec $(PY) -m tests.bench $(ARGS)

fuzz: ## send hostile OCSP requests for about ten minutes (EXAMPLES=… for longer)
	@$(INSTALL) base dns dev
	@CERTMATE_TEST_EXAMPLES=$(or $(EXAMPLES),20000) exec $(PY) -m pytest -q \
		tests/providers/ocsp/test_fuzz.py tests/pki/test_ocsp_requests.py

format: ## format the code and repair what the linter can
	@$(INSTALL) base dns dev
	@.venv/bin/ruff format .
	@.venv/bin/ruff check --fix .

requirements: ## compile requirements/*.in again (UPGRADE=1 takes newer versions)
	@command -v uv >/dev/null || { echo "This needs uv: pip install uv" >&2; exit 1; }
	@cd requirements && for set in base dns ldap pkcs11 storage dev; do \
		echo "Compiling $$set.txt"; $(COMPILE) $$set.in --output-file $$set.txt || exit 1; done
