"""For gunicorn and any other WSGI server: `gunicorn wsgi:app`."""

from webapp.app import create_app

app = create_app()
