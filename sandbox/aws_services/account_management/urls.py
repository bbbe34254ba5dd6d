"""Where Account Management answers."""

from .responses import AccountManagementResponse

url_bases = [r"https?://account\.(.+)\.amazonaws\.com"]
url_paths = {
    "{0}/putAlternateContact$": AccountManagementResponse.dispatch,
    "{0}/getAlternateContact$": AccountManagementResponse.dispatch,
    "{0}/deleteAlternateContact$": AccountManagementResponse.dispatch,
}
