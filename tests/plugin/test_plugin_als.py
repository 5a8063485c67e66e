from plugin_als import PluginALS

from bench.conformance import Conformance


class TestPluginALS(Conformance):
    implementation = PluginALS
