from django.apps import AppConfig


class AssemblyConfig(AppConfig):
    name = "config"
    label = "assembly"
