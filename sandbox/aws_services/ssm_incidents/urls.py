"""Where Incident Manager answers."""

from .responses import IncidentManagerResponse

url_bases = [r"https?://ssm-incidents\.(.+)\.amazonaws\.com"]
url_paths = {"{0}/.*$": IncidentManagerResponse.dispatch}
