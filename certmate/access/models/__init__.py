from certmate.access.models.teams import Team
from certmate.access.models.tokens import ApiToken, ServiceAccount

__all__ = ["ApiToken", "ServiceAccount", "Team"]
