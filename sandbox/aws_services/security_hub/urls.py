"""Where Security Hub answers."""

from .responses import SecurityHubResponse

url_bases = [r"https?://securityhub\.(.+)\.amazonaws\.com"]
url_paths = {"{0}/.*$": SecurityHubResponse.dispatch}
