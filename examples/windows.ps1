# An administrator's month on Windows, in PowerShell 5.1 or 7. Run it piece by piece.
#
# npm puts qalyptus-propagate.ps1 and qalyptus-propagate.cmd side by side. PowerShell takes the first, which the execution
# policies Restricted and AllSigned refuse: type .cmd, which no policy concerns.
#   Get-FileHash qalyptus-propagate-0.1.0.tgz     # SHA-256: is it that of the release's SHA256SUMS?
#   npm install --global --offline --ignore-scripts .\qalyptus-propagate-0.1.0.tgz

$env:QALYPTUS_SERVER = 'https://reports.example.com'

# The key, kept by Windows for this user on this machine alone. Once:
#   Read-Host 'API key' -AsSecureString | Export-Clixml "$HOME\qalyptus-key.xml"
$env:QALYPTUS_API_KEY = [Net.NetworkCredential]::new('', (Import-Clixml "$HOME\qalyptus-key.xml")).Password

# The manifest comes from Excel ("CSV UTF-8") or from Export-Csv (with -Encoding UTF8 or Unicode; #TYPE and ; do no harm).
# Values with braces or blanks stand in single quotes. A name with & or % belongs into the manifest: .cmd would read these.
qalyptus-propagate.cmd validate customers.csv
qalyptus-propagate.cmd doctor customers.csv
qalyptus-propagate.cmd sync customers.csv --name '{task} - {tenant}' --dry-run --out plan.html

# --out instead of >: a redirection by PowerShell 5.1 writes UTF-16. A result that is open in Excel is written beside it.
qalyptus-propagate.cmd sync customers.csv --name '{task} - {tenant}' --out result.csv --out result.html
switch ($LASTEXITCODE) {
    0 { 'All is done.' }
    3 { 'Some tenants failed or are in conflict: see result.html.' }
    4 { 'Some tenants are in doubt: run the same command again.' }
    default { "Exit code ${LASTEXITCODE}: see the message above." }
}

# Ctrl-C is safe at any time. To go on afterwards (exit 7: nothing is left):
qalyptus-propagate.cmd sync customers.csv --resume

# What the log knows, without the server; and an auditor's question: is the server still as the manifest says (exit 10: no)?
qalyptus-propagate.cmd status customers.csv
qalyptus-propagate.cmd sync customers.csv --name '{task} - {tenant}' --dry-run --verify --detailed-exitcode
