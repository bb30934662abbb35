# How Rekindle is run and tested. Needs Python >= 3.11, pip and make; every target does its own set-up, as often as you like.
# Only relative paths stand here: make cannot write a path with a space as a target, and yours may have one.
.POSIX:
.SUFFIXES:
.PHONY: help demo test check check-rest up bench chaos lint types contracts migrations-current openapi-current test-sqlite format lock messages openapi screenshots

PY = .venv/bin/python
# A worker a core; the tests of a file stay together, as some share what is long to make. ARGS='-n 0' runs them in one process.
# In the order that tests/conftest.py gives them, and not by how many tests a file has.
PYTEST = $(PY) -m pytest -n auto --dist loadfile --no-loadscope-reorder
# Checks read no database of yours.
EMBEDDED = env DATABASE_URL=sqlite://:memory: REDIS_URL=
# The suite chooses its database before Django reads the settings.
unexport DJANGO_SETTINGS_MODULE

help:
	@echo "make demo    the demo year: install, load, run the campaigns, report, serve   (SERVE=0, PORT=, RESET=1)"
	@echo "make test    the suite on a PostgreSQL and a Valkey of its own                (ARGS='tests/unit -x')"
	@echo "make check   all that CI runs: lint, types, contracts, drift, both suites"
	@echo "make up      the full stack on this machine: PostgreSQL, Valkey, web, worker, beat   (PORT=)"
	@echo "make bench   figures with a limit or peer in the same run, kept in var/bench.jsonl    (SIZE=small or full)"
	@echo "make chaos   kill campaign processes at named points and at random, and count what is left   (ARGS='--rounds 20')"
	@echo "make format | lock | messages | openapi   rewrite: code style, pinned requirements, catalogues, API schema"
	@echo "make screenshots   the README's pictures, from a demonstration that runs here      (PORT=)"

# --- Installing: a stamp per requirements file, so that a second run starts at once

.venv/demo.stamp: requirements-demo.txt tools/venv.sh
	@sh tools/venv.sh requirements-demo.txt
	@touch $@

.venv/dev.stamp: requirements-dev.txt tools/venv.sh
	@sh tools/venv.sh requirements-dev.txt
	@touch $@

# --- Running

demo: .venv/demo.stamp
	@$(PY) manage.py demo

up: .venv/dev.stamp
	@$(PY) -m tools.up

# --- Testing

test: .venv/dev.stamp
	@$(PYTEST) $(ARGS)

check: lint types contracts migrations-current openapi-current test test-sqlite

check-rest: lint types contracts migrations-current openapi-current test-sqlite

lint: .venv/dev.stamp
	@$(PY) -m ruff check . || { echo "error: mend what ruff names above; 'make format' mends most of it" >&2; exit 1; }
	@$(PY) -m ruff format --check . || { echo "error: run 'make format'" >&2; exit 1; }

types: .venv/dev.stamp
	@$(EMBEDDED) $(PY) -m mypy .

contracts: .venv/dev.stamp
	@.venv/bin/lint-imports

migrations-current: .venv/dev.stamp
	@$(EMBEDDED) $(PY) manage.py makemigrations --check --dry-run || \
		{ echo "error: a model changed without its migration: run $(PY) manage.py makemigrations" >&2; exit 1; }

openapi-current: .venv/dev.stamp
	@mkdir -p var
	@$(EMBEDDED) $(PY) manage.py spectacular --validate --fail-on-warn --file var/openapi.yaml
	@cmp -s var/openapi.yaml docs/reference/openapi.yaml || \
		{ echo "error: docs/reference/openapi.yaml is not the API's schema: run 'make openapi' and read the difference" >&2; exit 1; }

test-sqlite: .venv/dev.stamp
	@TEST_DATABASE_URL=sqlite:// $(PYTEST) -m "not postgresql" $(ARGS)

# --- Rewriting

format: .venv/dev.stamp
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

openapi: .venv/dev.stamp
	@mkdir -p docs/reference
	@$(EMBEDDED) $(PY) manage.py spectacular --validate --fail-on-warn --file docs/reference/openapi.yaml

messages: .venv/dev.stamp
	@command -v msgfmt >/dev/null || { echo "error: gettext is missing (Debian: apt-get install gettext)" >&2; exit 1; }
	@$(EMBEDDED) $(PY) manage.py makemessages --locale zh_Hans --no-obsolete --no-wrap --no-location \
		--ignore .venv --ignore var --ignore tests
	@$(EMBEDDED) $(PY) manage.py compilemessages --ignore .venv --ignore var

screenshots: .venv/dev.stamp
	@$(PY) -m tools.screenshots $(ARGS)

LOCK = .venv/bin/uv pip compile -q pyproject.toml --universal --no-emit-index-url --no-emit-find-links --no-annotate \
	--custom-compile-command "make lock"

lock: .venv/dev.stamp
	@$(PY) -m pip install --quiet --disable-pip-version-check uv
	@$(LOCK) -o requirements.txt
	@$(LOCK) --extra dev --extra demo -c requirements.txt -o requirements-dev.txt
	@$(LOCK) --extra demo -c requirements-dev.txt -o requirements-demo.txt

# --- Measuring

bench: .venv/dev.stamp
	@$(PY) -m tools.bench $(ARGS)

# --- Breaking

chaos: .venv/dev.stamp
	@$(PY) -m tools.chaos $(ARGS)
