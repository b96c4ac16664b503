"""Django settings, one concern per file. Only `env.py` reads the environment."""

from shannon_project.settings.admin import *
from shannon_project.settings.agents import *
from shannon_project.settings.api import *
from shannon_project.settings.core import *
from shannon_project.settings.database import *
from shannon_project.settings.engine import *
from shannon_project.settings.observability import *
from shannon_project.settings.outbound import *
from shannon_project.settings.policy import *
from shannon_project.settings.queue import *
from shannon_project.settings.sandbox import *
