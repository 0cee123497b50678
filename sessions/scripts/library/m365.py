"""Microsoft 365: mail, people, licences and Teams, by Microsoft's own PowerShell modules.

Each begins with its connection; the modules are ExchangeOnlineManagement and Microsoft.Graph.
"""

from sessions.scripts.library.entry import Entry, number, user

PERSON = user("user", "User (mail address)", help="As it stands in Microsoft 365, such as jane@example.com")

M365: tuple[Entry, ...] = (
    Entry(
        "m365-mailbox-facts",
        "Show a mailbox: size, quota, forwarding and permissions",
        "powershell",
        "email",
        "outlook mail mailbox full quota forward permission size email",
        "read_only",
        "Shows size and limits of a mailbox, where it forwards to, and who else may open it.",
        r"""
Connect-ExchangeOnline -ShowBanner:$false
$user = {{ user }}
Get-Mailbox -Identity $user |
    Format-List -Property DisplayName, RecipientTypeDetails, ProhibitSendQuota, ForwardingSmtpAddress
Get-MailboxStatistics -Identity $user | Format-List -Property TotalItemSize, ItemCount, LastLogonTime
Get-MailboxPermission -Identity $user | Where-Object { $_.User -ne 'NT AUTHORITY\SELF' } |
    Format-Table -Property User, AccessRights, Deny -AutoSize
""",
        [PERSON],
    ),
    Entry(
        "m365-message-trace",
        "Trace messages from or to somebody",
        "powershell",
        "email",
        "mail email message missing delivered receive send bounce trace outlook spam",
        "read_only",
        "Lists what became of the messages of the last days between a sender and a recipient.",
        r"""
Connect-ExchangeOnline -ShowBanner:$false
Get-MessageTraceV2 -SenderAddress {{ sender }} -RecipientAddress {{ recipient }} `
    -StartDate (Get-Date).AddDays(-1 * {{ days }}) -EndDate (Get-Date) |
    Sort-Object -Property Received -Descending |
    Format-Table -Property Received, SenderAddress, RecipientAddress, Subject, Status -AutoSize
""",
        [
            user("sender", "Sender (mail address)"),
            user("recipient", "Recipient (mail address)"),
            number("days", "Of the last days", 2, 1, 10),
        ],
    ),
    Entry(
        "m365-inbox-rules",
        "Show inbox rules and forwarding of a mailbox",
        "powershell",
        "security",
        "phishing compromised account hacked rule inbox forward mail missing spam suspicious",
        "read_only",
        "Lists all inbox rules, hidden ones too, and forwardings: what somebody who took over a mailbox leaves behind.",
        r"""
Connect-ExchangeOnline -ShowBanner:$false
$user = {{ user }}
Get-InboxRule -Mailbox $user -IncludeHidden |
    Format-List -Property Name, Enabled, Description, ForwardTo, RedirectTo, MoveToFolder, DeleteMessage
Get-Mailbox -Identity $user | Format-List -Property ForwardingAddress, ForwardingSmtpAddress, DeliverToMailboxAndForward
""",
        [PERSON],
    ),
    Entry(
        "m365-contain-account",
        "Contain an account that was taken over",
        "powershell",
        "security",
        "phishing compromised account hacked block sign session revoke suspicious",
        "destructive",
        "Blocks the sign-in, ends all sessions and switches inbox rules off. The user cannot work until it is undone.",
        r"""
Connect-MgGraph -Scopes 'User.ReadWrite.All' -NoWelcome
Connect-ExchangeOnline -ShowBanner:$false
$user = {{ user }}
Update-MgUser -UserId $user -AccountEnabled:$false
Revoke-MgUserSignInSession -UserId $user
Get-InboxRule -Mailbox $user -IncludeHidden | ForEach-Object {
    Disable-InboxRule -Mailbox $user -Identity $_.RuleIdentity -Confirm:$false
}
Set-Mailbox -Identity $user -ForwardingSmtpAddress $null -ForwardingAddress $null
Get-MgUser -UserId $user -Property DisplayName, AccountEnabled | Select-Object -Property DisplayName, AccountEnabled
""",
        [PERSON],
        "team_admin",
    ),
    Entry(
        "m365-sign-ins",
        "List the last sign-ins and why they failed",
        "powershell",
        "identity",
        "sign login log mfa password failed conditional access blocked account suspicious",
        "read_only",
        "Lists a user's sign-ins of the last days with address, application and the reason of failures.",
        r"""
Connect-MgGraph -Scopes 'AuditLog.Read.All', 'Directory.Read.All' -NoWelcome
$user = {{ user }}
$since = (Get-Date).AddDays(-1 * {{ days }}).ToUniversalTime()
Get-MgAuditLogSignIn -All -Filter "createdDateTime ge $($since.ToString('yyyy-MM-ddTHH:mm:ssZ'))" |
    Where-Object { $_.UserPrincipalName -eq $user } |
    Select-Object -Property CreatedDateTime, AppDisplayName, IPAddress, ClientAppUsed,
        @{ Name = 'Error'; Expression = { $_.Status.ErrorCode } },
        @{ Name = 'Reason'; Expression = { $_.Status.FailureReason } } | Format-Table -AutoSize
""",
        [PERSON, number("days", "Of the last days", 3, 1, 30)],
    ),
    Entry(
        "m365-mfa-methods",
        "List a user's sign-in methods",
        "powershell",
        "identity",
        "mfa authenticator multi factor phone method sign new code token",
        "read_only",
        "Lists the methods that a user has registered for the second factor.",
        r"""
Connect-MgGraph -Scopes 'UserAuthenticationMethod.Read.All' -NoWelcome
Get-MgUserAuthenticationMethod -UserId {{ user }} |
    Select-Object -Property Id, @{ Name = 'Method'; Expression = { $_.AdditionalProperties['@odata.type'] } }
""",
        [PERSON],
    ),
    Entry(
        "m365-mfa-remove-phone-and-app",
        "Remove the registered authenticator apps, so that they are set up anew",
        "powershell",
        "identity",
        "mfa authenticator multi factor phone lost new reset register app",
        "destructive",
        "Removes all Microsoft Authenticator registrations of a user and ends the sessions. Make sure who is asking.",
        r"""
Connect-MgGraph -Scopes 'UserAuthenticationMethod.ReadWrite.All', 'User.ReadWrite.All' -NoWelcome
$user = {{ user }}
Get-MgUserAuthenticationMicrosoftAuthenticatorMethod -UserId $user | ForEach-Object {
    Remove-MgUserAuthenticationMicrosoftAuthenticatorMethod -UserId $user `
        -MicrosoftAuthenticatorAuthenticationMethodId $_.Id
}
Revoke-MgUserSignInSession -UserId $user
""",
        [PERSON],
        "team_admin",
    ),
    Entry(
        "m365-license-state",
        "Show a user's licences and what is free",
        "powershell",
        "collaboration",
        "license licence teams office outlook missing assign product activation",
        "read_only",
        "Lists the licences of a user, and of each product how many are bought and used.",
        r"""
Connect-MgGraph -Scopes 'User.Read.All', 'Organization.Read.All' -NoWelcome
Get-MgUserLicenseDetail -UserId {{ user }} | Select-Object -Property SkuPartNumber
Get-MgSubscribedSku | Select-Object -Property SkuPartNumber, ConsumedUnits,
    @{ Name = 'Bought'; Expression = { $_.PrepaidUnits.Enabled } } | Format-Table -AutoSize
""",
        [PERSON],
    ),
    Entry(
        "m365-share-mailbox",
        "Give somebody access to a mailbox",
        "powershell",
        "email",
        "shared mailbox access permission outlook email mail calendar delegate",
        "changes",
        "Gives full access to a mailbox and the right to send as it; Outlook adds it by itself within the hour.",
        r"""
Connect-ExchangeOnline -ShowBanner:$false
$mailbox = {{ mailbox }}
$user = {{ user }}
Add-MailboxPermission -Identity $mailbox -User $user -AccessRights FullAccess -AutoMapping {{ automap }}
Add-RecipientPermission -Identity $mailbox -Trustee $user -AccessRights SendAs -Confirm:$false
Get-MailboxPermission -Identity $mailbox -User $user | Format-Table -Property User, AccessRights -AutoSize
""",
        [
            user("mailbox", "Mailbox (mail address)"),
            PERSON,
            {"name": "automap", "label": "Add it to Outlook", "kind": "boolean", "default": "true"},
        ],
    ),
    Entry(
        "m365-clear-teams-cache",
        "Empty the cache of the new Teams",
        "powershell",
        "collaboration",
        "teams cache audio call sign meeting hang slow microphone",
        "changes",
        "Closes Teams for the user who is logged in and empties its cache; settings come back from the account.",
        r"""
Get-Process -Name ms-teams -ErrorAction SilentlyContinue | Stop-Process -Force
Start-Sleep -Seconds 2
$cache = Join-Path -Path $env:LOCALAPPDATA -ChildPath 'Packages\MSTeams_8wekyb3d8bbwe\LocalCache\Microsoft\MSTeams'
if (Test-Path -LiteralPath $cache) { Get-ChildItem -LiteralPath $cache -Force | Remove-Item -Recurse -Force }
'The cache is empty. Start Teams again.'
""",
    ),
)
