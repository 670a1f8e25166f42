"""The web application: the list of its doors, and the limits around them."""

from types import ModuleType

from starlette.applications import Starlette
from starlette.middleware import Middleware

from flows.web import github, health, slack_door
from flows.web.limits import Limits
from flows.web.serving import Serving

# Each offers `routes(serving)`, which is empty where its settings are missing. A door is one file and one line here.
DOORS: tuple[ModuleType, ...] = (health, slack_door, github)


def application(serving: Serving) -> Starlette:
    """The routes of every door that is configured, behind the same limits."""
    routes = [route for door in DOORS for route in door.routes(serving)]
    limits = Middleware(Limits, measures=serving.measures, routes=frozenset(route.path for route in routes))
    app = Starlette(routes=routes, middleware=[limits])
    app.router.redirect_slashes = False  # a redirect would drop the body of what is signed
    return app
