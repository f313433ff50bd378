"""For gunicorn and any other WSGI server: `gunicorn wsgi:app`."""

import gc

from webapp import logs
from webapp.app import create_app

logs.to_stderr()
app = create_app()

# What is loaded now stays: were it looked through for garbage again and again, a page would wait 90 ms now and then.
gc.collect()
gc.freeze()
