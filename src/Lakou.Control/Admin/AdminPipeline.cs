using Lakou.Core.Faults;
using Lakou.Gateway;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Lakou.Control.Admin;

/// <summary>Around every request of the admin API: who may ask, and one form for every error.</summary>
internal static class AdminPipeline
{
    public static void Use(WebApplication application, AdminGuard guard, ILogger log) => application.Use(next => async context =>
    {
        context.Response.Headers.CacheControl = "no-store";
        context.Response.Headers.XContentTypeOptions = "nosniff";
        var fault = guard.Refuse(context.Request);
        if (fault is null)
        {
            try
            {
                await next(context);
                fault = context.Response.HasStarted || context.Response.ContentType is not null ? null : OfStatus(context);
            }
            catch (BadHttpRequestException e)
            {
                fault = e.StatusCode == StatusCodes.Status413PayloadTooLarge
                    ? AdminFaults.TooLarge.With("4 MiB is the most.")
                    : AdminFaults.BadRequest.With("The request is not what the API's description says.");
            }
            catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                log.LogError(e, "lakou/bug in {Method} {Path} of the admin API", context.Request.Method, context.Request.Path.Value);
                fault = GatewayFaults.Bug.With("The failure is in the log.");
            }
        }

        if (fault is not null && !context.Response.HasStarted)
        {
            if (fault.Code == AdminFaults.Unauthorised)
            {
                context.Response.Headers.WWWAuthenticate = "Bearer";
            }

            await AdminProblem.Of(fault).ExecuteAsync(context);
        }
    });

    private static Fault? OfStatus(HttpContext context) => context.Response.StatusCode switch
    {
        404 => AdminFaults.NotFound.With("GET /v1/openapi.json describes what there is."),
        405 => AdminFaults.MethodNotAllowed.With($"It takes {context.Response.Headers.Allow}."),
        413 => AdminFaults.TooLarge.With("4 MiB is the most."),
        >= 400 and < 500 => AdminFaults.BadRequest.With("The request is not what the API's description says."),
        _ => null,
    };
}
