"""Where Systems Manager answers, OpsCenter's operations among the rest."""

from .responses import SystemsManagerResponse

url_bases = [r"https?://ssm\.(.+)\.amazonaws\.com"]
url_paths = {"{0}/$": SystemsManagerResponse.dispatch}
