/**
 * A certificate for 127.0.0.1 and its key, for tests alone: it signs itself, so that nobody else trusts it. Made with
 * `openssl ecparam -name prime256v1 -genkey` and `openssl req -x509 -days 36500 -addext subjectAltName=IP:127.0.0.1`.
 */
export const loopbackKey = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgYwHbFBx56gOyUi46
hKB/5Tk5jgnn5NDpX4yWTdjuvNqhRANCAAQYavpI3SpZ5JvdpZJ3jQryHKvfPZIB
Hi3N1G0W1In+BbfZPj0tkvPDPtm1SIcCvvrT82IrZch27SH0/x9KnWiP
-----END PRIVATE KEY-----
`;

export const loopbackCertificate = `-----BEGIN CERTIFICATE-----
MIIBjjCCATSgAwIBAgIUb2XOUWdGGlJDNYmMAXJhO/eAuxQwCgYIKoZIzj0EAwIw
EzERMA8GA1UEAwwIbG9vcGJhY2swIBcNMjYxMTIzMDAzNzU2WhgPMjEyNjEwMzAw
MDM3NTZaMBMxETAPBgNVBAMMCGxvb3BiYWNrMFkwEwYHKoZIzj0CAQYIKoZIzj0D
AQcDQgAEGGr6SN0qWeSb3aWSd40K8hyr3z2SAR4tzdRtFtSJ/gW32T49LZLzwz7Z
tUiHAr760/NiK2XIdu0h9P8fSp1oj6NkMGIwHQYDVR0OBBYEFHJpnoyk43VcvrSo
RKpwpGWw/WsbMB8GA1UdIwQYMBaAFHJpnoyk43VcvrSoRKpwpGWw/WsbMA8GA1Ud
EwEB/wQFMAMBAf8wDwYDVR0RBAgwBocEfwAAATAKBggqhkjOPQQDAgNIADBFAiEA
8jz0gwPxN7AiSLtQtg1zHUqoQDG1wYl/tU2qbwV+J00CIHhqjPsdyoma7jN4hlMC
pzmSJY4ULacrujhkQptA9YpR
-----END CERTIFICATE-----
`;
