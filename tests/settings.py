"""Settings of the test suite: the product's own, in a throw-away data directory.

CERTMATE_TEST_DATABASE_URL runs the suite on another database, such as PostgreSQL.
CERTMATE_TEST_DATA_DIR lets a child process of a test share its files.
"""

import atexit
import os
import shutil
import tempfile

_data_dir = os.environ.get("CERTMATE_TEST_DATA_DIR", "")
if not _data_dir:
    _data_dir = tempfile.mkdtemp(prefix="certmate-test-")
    atexit.register(shutil.rmtree, _data_dir, ignore_errors=True)

for _name in [name for name in os.environ if name.startswith("CERTMATE_") and "_TEST_" not in name]:
    del os.environ[_name]
os.environ["CERTMATE_DATA_DIR"] = _data_dir
os.environ["CERTMATE_SECRET_KEY"] = (
    "not a secret: the test suite's own key, long enough for the checks"
)
os.environ["CERTMATE_MASTER_KEY"] = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
if "CERTMATE_TEST_DATABASE_URL" in os.environ:
    os.environ["CERTMATE_DATABASE_URL"] = os.environ["CERTMATE_TEST_DATABASE_URL"]

from certmate.settings import *  # noqa: E402, F403
from certmate.settings import CERTMATE_RATES, DATA_DIR, DATABASES, STORAGES  # noqa: E402

if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # A file, because threads and child processes of a test open it too.
    DATABASES["default"]["TEST"] = {"NAME": DATA_DIR / "test.sqlite3"}
DATABASES["default"]["CONN_MAX_AGE"] = 0
ALLOWED_HOSTS = ["*"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
WHITENOISE_AUTOREFRESH = True
CELERY_BROKER_URL = "memory://"
CELERY_BROKER_TRANSPORT_OPTIONS = {}
CERTMATE_THROTTLE_URL = "memory://"
# Each test asks for what was published or counted just now.
CERTMATE_PKI_MEMORY_SECONDS = CERTMATE_NUMBERS_SECONDS = 0
# One process runs all tests, each of which may use the first token, within a minute.
CERTMATE_RATES = dict.fromkeys(CERTMATE_RATES, 0)
